/** What a running worker promises on any log: bounded memory, a drain that finishes, and each record once. */
import {
  concatMap,
  delay,
  firstValueFrom,
  map,
  mergeMap,
  NEVER,
  of,
  type SchedulerLike,
  Subject,
  take,
  tap,
} from 'rxjs'
import { afterEach, describe, expect, test } from 'vitest'
import type { Worker } from '../../pipeline/engine/worker.js'
import type { InputRecord } from '../../stages/stage.js'
import { type LogFeatures, type LogUnderTest, type OpenLog, readerLag } from './log-under-test.js'
import { describeCrashes } from './worker-conformance-crashes.js'
import { describeSharing } from './worker-conformance-sharing.js'
import {
  type ForwardingStage,
  forwarded,
  forwardingStage,
  idsOf,
  notificationRecords,
  watchResults,
  withMembers,
  work,
} from './worker-under-test.js'

const waiting = 200_000
const drainMs = 5000
/** A real log needs its time for that many. */
const stallTestTimeoutMs = 180_000

/** Describes workers on a log to vitest. `open` gives each test an empty one. */
export function describeWorkers(name: string, open: OpenLog, features: LogFeatures): void {
  const opened: LogUnderTest[] = []
  const workers: Worker[] = []
  const openOne = async (): Promise<LogUnderTest> => {
    const test = await open({ partitions: 4, revokeTimeoutMs: 10_000 })
    opened.push(test)
    return test
  }
  const start: typeof work = (...options) => {
    const worker = work(...options)
    workers.push(worker)
    return worker
  }

  describe(`workers on the ${name} log`, () => {
    afterEach(async () => {
      const [last] = opened
      for (const worker of workers.splice(0)) await last?.during(worker.stop(0))
      for (const test of opened.splice(0)) await test.close()
    })
    describeFlow(openOne, start)
    describe('crashes', () => describeCrashes(openOne, start))
    if (features.members) describe('sharing', () => describeSharing(openOne, start))
  })
}

function describeFlow(open: () => Promise<LogUnderTest>, start: typeof work): void {
  test(
    'a stalled stage holds no more than its mailbox while 200,000 records wait, and loses none',
    async () => {
      const opened = await open()
      const seen = { records: 0 }
      const gate = new Subject<void>()
      const results = watchResults(opened)
      const worker = start(opened, gatedStage(gate, seen), { mailbox: 300, batch: 200 })
      const held: number[][] = []
      for (let from = 0; from < waiting; from += waiting / 4) {
        await opened.log.append(notificationRecords(waiting / 4, from))
        await opened.until(() => worker.unacked() === 300)
        await readerLag(opened)
        held.push([seen.records, worker.unacked()])
      }
      expect(held).toEqual(Array(4).fill([300, 300]))
      gate.next()
      await opened.until(() => results.accepted.length === waiting)
      expect([seen.records, new Set(results.accepted).size, await readerLag(opened)]).toEqual([waiting, waiting, 0])
    },
    stallTestTimeoutMs,
  )

  test('nor does a flood of unreadable records pile up while a commit is slow', async () => {
    const opened = await open()
    const results = watchResults(opened)
    const gate = new Subject<void>()
    let polled = 0
    const slow = withMembers(opened, (member) => ({
      poll: async (max, waitMs) => {
        const records = await member.poll(max, waitMs)
        polled += records.length
        return records
      },
      commit: async (transaction) => {
        if (transaction.positions.length > 0) await firstValueFrom(gate, { defaultValue: undefined })
        await member.commit(transaction)
      },
    }))
    await opened.log.append(notificationRecords(2000).map((record) => ({ ...record, value: Buffer.from('noise') })))
    start(slow, forwardingStage(), { mailbox: 100, batch: 50 })
    await opened.until(() => polled >= 100)
    for (let polls = 0; polls < 20; polls++) await readerLag(opened)
    const held = polled
    gate.complete()
    await opened.until(() => results.deadLetters.length === 2000)
    expect([held > 100, polled]).toEqual([false, 2000])
  })

  test('a drain settles what is in flight and leaves the rest to be read', async () => {
    const opened = await open()
    const results = watchResults(opened)
    await opened.log.append(notificationRecords(100))
    const seen = { records: 0 }
    const worker = start(opened, slowStage(opened.clock, 50, seen))
    await opened.until(() => seen.records === 40)
    await opened.during(worker.stop(drainMs))
    await opened.until(() => results.accepted.length >= seen.records)
    expect([seen.records, results.accepted.length, await readerLag(opened)]).toEqual([
      seen.records,
      seen.records,
      100 - seen.records,
    ])
    expect(worker.unacked()).toBe(0)
    start(opened, forwardingStage())
    await opened.until(() => results.accepted.length >= 100)
    expect([...results.accepted].sort()).toEqual(idsOf(100))
  })

  test('a drain is bounded: what a stage does not finish is read again', async () => {
    const opened = await open()
    const results = watchResults(opened)
    await opened.log.append(notificationRecords(100))
    const seen = { records: 0 }
    const worker = start(opened, gatedStage(new Subject(), seen))
    await opened.until(() => seen.records === 40)
    await opened.during(worker.stop(200))
    expect([results.accepted, await readerLag(opened)]).toEqual([[], 100])
    start(opened, forwardingStage())
    await opened.until(() => results.accepted.length >= 100)
    expect([...results.accepted].sort()).toEqual(idsOf(100))
  })

  test('what was finished out of order is not done again after a stop', async () => {
    const opened = await open()
    const results = watchResults(opened)
    await opened.log.append(notificationRecords(40))
    const worker = start(opened, shufflingStage(opened.clock, new Set(['0', '9', '18', '27', '36'])))
    await opened.until(() => results.accepted.length === 35)
    await opened.during(worker.stop(100))
    expect([results.accepted.length, await readerLag(opened)]).toEqual([35, 5])
    start(opened, forwardingStage())
    await opened.until(() => results.accepted.length >= 40)
    await opened.until(async () => (await readerLag(opened)) === 0)
    expect([...results.accepted].sort()).toEqual(idsOf(40))
  })

  test('records of one recipient come out in the order in which they went in', async () => {
    const opened = await open()
    const results = watchResults(opened)
    await opened.log.append(notificationRecords(400))
    start(opened, slowStage(opened.clock, 1, { records: 0 }))
    await opened.until(() => results.accepted.length === 400)
    const ofOne = results.accepted.map(Number).filter((id) => id % 8 === 3)
    expect(ofOne).toEqual(Array.from({ length: 50 }, (_, index) => index * 8 + 3))
  })

  test('state that a stage wrote is there when it is stopped and started again', async () => {
    const opened = await open()
    const results = watchResults(opened)
    const counts: number[] = []
    const counting = forwardingStage((_, { state }) => {
      const count = (state.get('count')?.[0] ?? 0) + 1
      state.put('count', Uint8Array.of(count), null)
      counts.push(count)
    })
    const [sample] = notificationRecords(1)
    const worker = start(opened, counting)
    if (sample) await opened.log.append([sample, sample, sample])
    await opened.until(() => results.accepted.length === 3)
    await opened.during(worker.stop(drainMs))
    start(opened, counting)
    if (sample) await opened.log.append([sample, sample])
    await opened.until(() => results.accepted.length === 5)
    expect(counts).toEqual([1, 2, 3, 4, 5])
  })
}

/** Holds everything until the gate opens, then forwards as it comes. */
function gatedStage(gate: Subject<void>, seen: { records: number }): ForwardingStage {
  const stage = forwardingStage()
  let open = false
  gate.subscribe(() => {
    open = true
  })
  return {
    ...stage,
    operator: (context) => (batches) =>
      batches.pipe(
        tap(({ records }) => {
          seen.records += records.length
        }),
        concatMap((batch) =>
          open
            ? of(batch)
            : gate.pipe(
                take(1),
                map(() => batch),
              ),
        ),
        stage.operator(context),
      ),
  }
}

/** Takes its time over each batch. */
function slowStage(clock: SchedulerLike, batchMs: number, seen: { records: number }): ForwardingStage {
  const stage = forwardingStage()
  return {
    ...stage,
    operator: (context) => (batches) =>
      batches.pipe(
        tap(({ records }) => {
          seen.records += records.length
        }),
        concatMap((batch) => of(batch).pipe(delay(batchMs, clock))),
        stage.operator(context),
      ),
  }
}

/** Finishes each record by itself, the later ones first, and never those that are stuck. */
function shufflingStage(clock: SchedulerLike, stuck: ReadonlySet<string>): ForwardingStage {
  const finished = (record: InputRecord<'notification-requested'>) => {
    const delayMs = 40 - Number(record.value.id)
    return stuck.has(record.value.id) ? NEVER : of(record).pipe(delay(delayMs, clock))
  }
  return {
    ...forwardingStage(),
    operator: (context) => (batches) =>
      batches.pipe(
        mergeMap(({ records }) => records),
        mergeMap(finished),
        map((record) => ({
          acked: [record],
          outputs: forwarded(record).outputs,
          changes: context.takeChanges(),
          drops: [],
          deadLetters: [],
        })),
      ),
  }
}
