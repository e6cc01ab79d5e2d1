/** What the conformance suite leaves out, for it holds for the worker whatever the log. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, expect, test } from 'vitest'
import { Unavailable } from '../../schemas/errors.js'
import { routed } from '../../schemas/outgoing.js'
import type { LogUnderTest } from '../../testing/engine/log-under-test.js'
import {
  forwardingStage,
  notificationRecords,
  watchResults,
  withMembers,
  work,
} from '../../testing/engine/worker-under-test.js'
import { openMemoryLog } from '../../testing/logs/memory/log-under-test.js'
import { stageRunner } from '../../testing/stages/stage-runner-sample.js'
import { at, deliveryOf, runThrottle } from '../../testing/stages/throttle/throttle-sample.js'
import type { Assignment } from './log.js'
import type { Worker, WorkerState } from './worker.js'

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

async function open(): Promise<LogUnderTest> {
  return openMemoryLog({ partitions: 4, revokeTimeoutMs: 10_000 })
}

function start(opened: LogUnderTest, ...more: Parameters<typeof work> extends [unknown, ...infer R] ? R : never) {
  const worker = work(opened, ...more)
  ends.push(() => opened.during(worker.stop(0)))
  return { worker, states: statesOf(worker) }
}

function statesOf(worker: Worker): readonly WorkerState[] {
  const states: WorkerState[] = []
  worker.state.subscribe((state) => states.push(state))
  return states
}

test('a stage that idles for a day holds no more memory than one that idles for a minute', async () => {
  setFlagsFromString('--expose_gc')
  const collect: () => void = runInNewContext('gc')
  const run = stageRunner()
  const worker = run.start(forwardingStage())
  const heldAfter = async (ms: number) => {
    await run.advance(ms)
    collect()
    return process.memoryUsage().heapUsed
  }
  await heldAfter(60_000)
  const before = await heldAfter(60_000)
  const hours = 2
  const grown = (await heldAfter(hours * 3_600_000)) - before
  // One subscription left behind by each poll, of which there is one a second, would be about 1 KiB.
  expect(Math.round(grown / (hours * 3600))).toBeLessThan(128)
  await run.stop(worker)
})

test('after trouble it says that it runs again, also where nothing came to be settled', async () => {
  const opened = await open()
  let failures = 0
  const troubled = withMembers(opened, (member) => ({
    poll: async (max, waitMs) => {
      if (++failures === 1) throw new Unavailable('as the test wants it')
      return member.poll(max, waitMs)
    },
  }))
  const { states } = start(troubled, forwardingStage())
  await opened.until(() => states.length === 3)
  expect(states).toEqual(['running', 'restarting', 'running'])
})

test('so does a stage whose steps settle nothing', async () => {
  const run = runThrottle()
  await run.append(routed(deliveryOf('a', { notBeforeMs: at(100) })), routed(deliveryOf('b', { notBeforeMs: at(100) })))
  const states = statesOf(run.worker())
  run.log.failNextCommit()
  await run.advance(900)
  expect([states, run.released().length]).toEqual([['running', 'restarting', 'running'], 2])
})

test('what is committed is the log’s to remember: state that expires is seen to be gone', async () => {
  const run = stageRunner()
  const seen: boolean[] = []
  const worker = run.start(
    forwardingStage((_, { state, nowMs }) => {
      seen.push(state.get('key') !== undefined)
      if (seen.length === 1) state.put('key', Uint8Array.of(1), nowMs + 1000)
    }),
  )
  const [record] = notificationRecords(1)
  for (const waitMs of [0, 999, 1]) {
    await run.advance(waitMs)
    if (record) await run.appendRecords([record])
  }
  expect(seen).toEqual([false, true, false])
  await run.stop(worker)
})

test('a partition is given back as soon as its records, which were all settled before, have been passed by', async () => {
  const opened = await open()
  let giveBack = async (_: readonly Assignment[]): Promise<void> => undefined
  const polled: Assignment[] = []
  const settledBefore = withMembers(opened, (member) => ({
    start: (assignment) => ({ ...member.start(assignment), next: 1000 }),
    poll: async (max, waitMs) => {
      const records = await member.poll(max, waitMs)
      polled.push(...records)
      return records
    },
    onRevoke: (ack) => {
      giveBack = ack
    },
  }))
  await opened.log.append(notificationRecords(5))
  start(settledBefore, forwardingStage(), { lingerMs: 50 })
  await opened.until(() => polled.length === 5)
  let given = false
  void giveBack(polled).then(() => {
    given = true
  })
  await opened.until(() => given)
})

test('trouble of the log or the store is no record’s fault, however often it comes', async () => {
  const opened = await open()
  const results = watchResults(opened)
  let crashes = 0
  const { worker } = start(
    opened,
    forwardingStage(() => {
      if (++crashes < 9) throw new Unavailable('as the test wants it')
    }),
    { crashesAllowed: 3, mailbox: 1, batch: 1 },
  )
  await opened.log.append(notificationRecords(1))
  await opened.until(() => results.accepted.length + results.deadLetters.length === 1)
  expect([results.accepted, results.deadLetters, worker.restarts()]).toEqual([['0'], [], 8])
})

test('pauses between restarts grow to a bound, and begin anew after success', async () => {
  const opened = await open()
  const pauses: number[] = []
  let failing = true
  const observer = { crashed: (_: unknown, retryInMs: number) => pauses.push(retryInMs) }
  start(
    opened,
    forwardingStage(() => {
      if (failing) throw new Unavailable('as the test wants it')
    }),
    { observer, random: () => 1 },
  )
  await opened.log.append(notificationRecords(1))
  await opened.until(() => pauses.length === 9)
  failing = false
  const results = watchResults(opened)
  await opened.until(() => results.accepted.length === 1)
  failing = true
  await opened.log.append(notificationRecords(1))
  await opened.until(() => pauses.length === 10)
  expect(pauses).toEqual([50, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 50])
})
