/** Whatever waits and could go, goes: a worker with any sizes and delays, failing commits, and time that passes between
 *  two reads of the clock, acks everything and ends when it is told to. */
import fc from 'fast-check'
import { concatMap, delay, of } from 'rxjs'
import { expect, test } from 'vitest'
import {
  type ForwardingStage,
  forwardingStage,
  idsOf,
  notificationRecords,
} from '../../testing/engine/worker-under-test.js'
import { stageRunner } from '../../testing/stages/stage-runner-sample.js'
import { seededRandom } from './seeded-random.js'

const sizes = fc.record({
  mailbox: fc.integer({ min: 1, max: 30 }),
  batch: fc.integer({ min: 1, max: 20 }),
  mailboxBytes: fc.constantFrom(1, 1000, 1_000_000),
  lingerMs: fc.constantFrom(0, 5, 60),
  commitEveryMs: fc.constantFrom(0, 30, 200),
})
const bursts = fc.array(
  fc.record({ count: fc.integer({ min: 1, max: 90 }), thenMs: fc.integer({ min: 0, max: 400 }) }),
  {
    minLength: 1,
    maxLength: 5,
  },
)
const disorder = fc.record({
  seed: fc.integer(),
  commitFails: fc.constantFrom(0, 0.2),
  delayMs: fc.constantFrom(0, 40),
  stageMs: fc.constantFrom(0, 1, 50),
  passes: fc.constantFrom(0, 0.3),
})
/** Virtual time after which what was to happen has not. */
const boundMs = 600_000

test('everything that is appended is settled, and a stop ends before its time', async () => {
  const property = fc.asyncProperty(
    sizes,
    bursts,
    disorder,
    async (own, given, { seed, stageMs, passes, ...faults }) => {
      const random = seededRandom(seed)
      const passedMs = () => (random() < passes ? Math.floor(random() * 5) : 0)
      const run = stageRunner({ partitions: 3, passedMs, faults: { ...faults, random: seededRandom(seed + 1) } })
      const worker = run.start(slowly(stageMs, run.clock.scheduler), { ...own, random: seededRandom(seed + 2) })
      let count = 0
      for (const burst of given) {
        await run.appendRecords(notificationRecords(burst.count, count))
        count += burst.count
        await run.advance(burst.thenMs)
      }
      const forwarded = () =>
        run.told('notifications.accepted', 'notification-accepted').map(({ value }) => value.request.id)
      await run.clock.runUntil(() => worker.unacked() === 0 && new Set(forwarded()).size === count, boundMs)
      const before = run.afterMs()
      await run.stop(worker, boundMs)
      expect([[...new Set(forwarded())].sort(), run.afterMs() - before < boundMs]).toEqual([idsOf(count), true])
    },
  )
  await fc.assert(property, { seed: 1, numRuns: 60 })
})

function slowly(ms: number, clock: Parameters<typeof delay>[1]): ForwardingStage {
  const stage = forwardingStage()
  if (ms === 0) return stage
  return {
    ...stage,
    operator: (context) => (batches) =>
      batches.pipe(
        concatMap((batch) => of(batch).pipe(delay(ms, clock))),
        stage.operator(context),
      ),
  }
}
