import { expect, test } from 'vitest'
import type { Delivery } from '../../schemas/events.js'
import { routed } from '../../schemas/outgoing.js'
import {
  at,
  deliveryOf,
  everyOne,
  runThrottle,
  throttleUnobserved,
} from '../../testing/stages/throttle/throttle-sample.js'
import type { Unwanted } from './wishes.js'

const sendAt = { notBeforeMs: at(60_000) }

/** A throttle whose wishes are answered as the test says; every question is noted. */
function runAsked(answer: (asked: readonly Delivery[]) => Promise<Unwanted>, options = {}) {
  const questions: (readonly string[])[] = []
  const unwanted = (asked: readonly Delivery[]) => {
    questions.push(asked.map(({ id }) => id))
    return answer(asked)
  }
  return { questions, run: runThrottle(options, {}, throttleUnobserved, undefined, { unwanted }) }
}

const none = async () => new Map<string, string>()
const never = () => new Promise<Unwanted>(() => undefined)

test('what can go at once is not asked about', async () => {
  const { run, questions } = runAsked(never)
  await run.append(routed(deliveryOf('a')))
  expect([run.released(), questions]).toEqual([[{ id: 'a', afterMs: 0 }], []])
})

test('all that has waited is asked about in one question, and goes at its time where it is wanted', async () => {
  const { run, questions } = runAsked(none)
  const ids = ['a', 'b', 'c']
  await run.append(...ids.map((id) => routed(deliveryOf(id, sendAt))))
  await run.advance(60_000)
  expect([run.released(), questions]).toEqual([ids.map((id) => ({ id, afterMs: 60_000 })), [ids]])
})

test.each([
  ['its time', sendAt],
  ['another try', { ...sendAt, deferrals: 1 }],
])('what waited for %s and is not wanted any more ends as suppressed, with the reason', async (_, changes) => {
  const { run } = runAsked(async () => new Map([['a', 'preference']]))
  await run.append(routed(deliveryOf('a', changes)), routed(deliveryOf('b', changes)))
  await run.advance(120_000)
  expect([run.released().map(({ id }) => id), run.parked()]).toEqual([['b'], []])
  expect(run.statuses().filter(({ final }) => final)).toEqual([{ id: 'a', status: 'suppressed', final: true }])
  const told = run.told('notifications.status', 'notification-status').map(({ value }) => value)
  const last = told.find(({ deliveries }) => deliveries[0]?.final)
  expect(last?.trail.at(-1)).toMatchObject({ stage: 'throttle', event: 'suppressed', reason: 'preference' })
})

test('so does what waited for its destination', async () => {
  const { run } = runAsked(async () => new Map([['c', 'preference']]), { limitsOf: everyOne(1) })
  await run.append(...['a', 'b', 'c', 'd'].map((id) => routed(deliveryOf(id))))
  await run.advance(10_000)
  expect([run.released().map(({ id }) => id), run.parked()]).toEqual([['a', 'b', 'd'], []])
})

test('without an answer it goes after ten seconds with what routing knew, and its trail says so', async () => {
  const { run } = runAsked(never)
  await run.append(routed(deliveryOf('a', sendAt)))
  await run.advance(69_999)
  expect(run.released()).toEqual([])
  await run.advance(101)
  expect(run.released().map(({ id }) => id)).toEqual(['a'])
  const [gone] = run.told('deliveries.released', 'delivery-released')
  expect(gone?.value.delivery.trail.at(-1)).toMatchObject({ event: 'released', reason: 'preferences-unchecked' })
})

test('a question that fails is asked again, and delays nobody who has not waited', async () => {
  let failures = 3
  const { run, questions } = runAsked(async () => {
    if (failures-- > 0) throw new Error('away')
    return new Map()
  })
  await run.append(routed(deliveryOf('a', sendAt)))
  await run.advance(60_500)
  await run.append(routed(deliveryOf('b')))
  expect(run.released()).toEqual([{ id: 'b', afterMs: 60_500 }])
  await run.advance(10_000)
  expect([run.released().map(({ id }) => id), questions.length]).toEqual([['b', 'a'], 4])
  const gone = run.told('deliveries.released', 'delivery-released').at(-1)
  expect(gone?.value.delivery.trail.at(-1)).toMatchObject({ event: 'released', reason: null })
})

test('while nobody answers, many do not wait ten seconds each', async () => {
  const { run } = runAsked(never, { window: 5000 })
  const ids = Array.from({ length: 2000 }, (_, index) => `d-${index}`)
  await run.append(...ids.map((id) => routed(deliveryOf(id, sendAt))))
  await run.advance(72_000)
  expect(run.released().length).toBe(ids.length)
})

test('a kill while the answer is awaited loses and doubles nothing', async () => {
  let answer: () => Promise<Unwanted> = never
  const { run } = runAsked(() => answer())
  await run.append(routed(deliveryOf('a', sendAt)), routed(deliveryOf('b', sendAt)))
  await run.advance(61_000)
  answer = none
  await run.kill()
  await run.advance(1000)
  expect(run.released().map(({ id }) => id)).toEqual(['a', 'b'])
})
