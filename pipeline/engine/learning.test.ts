/** How a stage goes on when a record comes whose schema nobody knows yet. */
import { afterEach, expect, test } from 'vitest'
import { Unavailable } from '../../schemas/errors.js'
import type { LogUnderTest } from '../../testing/engine/log-under-test.js'
import {
  forwardingStage,
  idsOf,
  notificationRecords,
  watchResults,
  work,
} from '../../testing/engine/worker-under-test.js'
import { openMemoryLog } from '../../testing/logs/memory/log-under-test.js'
import { type Codec, createCodec, PoisonError } from './codec.js'

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

/** Runs a stage whose codec learns by `learn`, over five records. */
async function start(learn: Codec['learn'], decode: Codec['decode'] = createCodec().decode, lingerMs = 0) {
  const opened = await openMemoryLog({ partitions: 4, revokeTimeoutMs: 10_000 })
  const results = watchResults(opened)
  const worker = work(opened, forwardingStage(), { codec: { ...createCodec(), learn, decode }, lingerMs })
  ends.push(() => opened.during(worker.stop(0)))
  await opened.during(opened.log.append(notificationRecords(5)))
  return { opened, worker, results }
}

/** Lets virtual time pass. */
async function after(opened: LogUnderTest, ms: number): Promise<void> {
  let passed = false
  opened.clock.schedule(() => {
    passed = true
  }, ms)
  await opened.until(() => passed)
}

test('while nobody can tell, records wait, none is a dead letter, and questions grow seldom; then they go on', async () => {
  let questions = 0
  let away = true
  const { opened, worker, results } = await start((records) => {
    if (records.length === 0) return null
    questions++
    return away ? Promise.reject(new Unavailable('The registry is away')) : Promise.resolve()
  })
  await after(opened, 20_000)
  const during = { questions, worked: results.accepted.length, state: worker.restarts() > 0 }
  away = false
  await opened.until(() => results.accepted.length === 5)
  expect([during.worked, during.state, during.questions < 30]).toEqual([0, true, true])
  expect([[...results.accepted].sort(), results.deadLetters]).toEqual([idsOf(5), []])
})

test('what is learnt is waited for, and a stop does not wait for what never comes', async () => {
  let answer: () => void = () => undefined
  const { opened, worker, results } = await start((records) =>
    records.length === 0 ? null : new Promise((resolve) => (answer = resolve)),
  )
  await after(opened, 20_000)
  const before = results.accepted.length
  answer()
  await opened.until(() => results.accepted.length === 5)
  await opened.during(opened.log.append(notificationRecords(1, 5)))
  await after(opened, 20_000)
  await opened.during(worker.stop(5000))
  expect([before, [...results.accepted].sort(), results.deadLetters]).toEqual([0, idsOf(5), []])
})

test('records that wait for their schema are kept until they are worked on when another member wants their partition', async () => {
  let answer: () => void = () => undefined
  let asked = false
  const { opened, worker, results } = await start((records) => {
    if (records.length === 0 || asked) return null
    asked = true
    return new Promise((resolve) => {
      answer = resolve
    })
  })
  await opened.until(() => asked)
  const other = work(opened, forwardingStage())
  ends.push(() => opened.during(other.stop(0)))
  await after(opened, 1000)
  const before = results.accepted.length
  answer()
  await opened.until(() => results.accepted.length >= 5)
  await after(opened, 20_000)
  expect([before, [...results.accepted].sort(), worker.restarts(), other.restarts()]).toEqual([0, idsOf(5), 0, 0])
})

test('what is known to have no schema goes to the dead letters, with its bytes', async () => {
  const { decode } = createCodec()
  const { opened, results } = await start(
    () => null,
    (record, expected) => {
      const event = decode(record, expected)
      if ('id' in event.value && event.value.id === '3') throw new PoisonError('unknown-schema', 'There is none')
      return event
    },
  )
  await opened.until(() => results.accepted.length === 4 && results.deadLetters.length === 1)
  const sent = notificationRecords(5)[3]
  expect(results.deadLetters).toMatchObject([{ cause: 'unknown-schema', value: sent?.value, key: sent?.key }])
})

test('nor does a stop that comes before what is polled is asked for', async () => {
  let asked = 0
  const learn = (records: readonly unknown[]) => {
    asked += records.length
    return records.length === 0 ? null : new Promise<void>(() => undefined)
  }
  const { opened, worker } = await start(learn, createCodec().decode, 500)
  await after(opened, 100)
  const before = opened.clock.now()
  await opened.during(worker.stop(25_000))
  expect([asked, opened.clock.now() - before < 25_000]).toEqual([0, true])
})
