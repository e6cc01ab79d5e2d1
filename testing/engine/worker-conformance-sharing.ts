/** What workers promise that share a group: partitions move between them, and every record still happens once. */
import { concatMap, delay, Observable, of } from 'rxjs'
import { expect, test } from 'vitest'
import type { Member } from '../../pipeline/engine/log.js'
import { seededRandom } from '../../pipeline/engine/seeded-random.js'
import type { Worker } from '../../pipeline/engine/worker.js'
import type { InputRecord, Scope } from '../../stages/stage.js'
import { type LogUnderTest, readerLag } from './log-under-test.js'
import {
  type ForwardingStage,
  forwardingStage,
  idsOf,
  notificationRecords,
  watchResults,
  withMembers,
  type work,
} from './worker-under-test.js'

const count = 2000

export function describeSharing(open: () => Promise<LogUnderTest>, start: typeof work): void {
  test.each([1, 2, 3])('every record happens once while workers start and stop (seed %i)', async (seed) => {
    const opened = await open()
    const random = seededRandom(seed)
    const results = watchResults(opened)
    const stage = unhurriedStage(opened)
    await opened.log.append(notificationRecords(count))
    const workers: Worker[] = [start(opened, stage)]
    for (let move = 1; move <= 8; move++) {
      await opened.until(() => results.accepted.length >= (count * move) / 10)
      const goes = workers.length > 1 && random() < 0.5
      const [gone] = goes ? workers.splice(Math.floor(random() * workers.length), 1) : []
      if (gone) await opened.during(gone.stop(5000))
      else workers.push(start(opened, stage))
    }
    await opened.until(() => results.accepted.length >= count)
    for (const worker of workers) await opened.during(worker.stop(5000))
    expect([...results.accepted].sort()).toEqual(idsOf(count))
    expect([results.deadLetters, await readerLag(opened)]).toEqual([[], 0])
  })

  test('a worker that gives partitions away finishes what it holds of them first, and takes them back as they are', async () => {
    const opened = await open()
    const results = watchResults(opened)
    const seen: string[] = []
    const stage = unhurriedStage(opened, seen)
    await opened.log.append(notificationRecords(count))
    const first = start(opened, stage)
    await opened.until(() => results.accepted.length >= 200)
    const second = start(opened, stage)
    await opened.until(() => results.accepted.length >= 800)
    await opened.during(second.stop(5000))
    await opened.until(() => results.accepted.length >= count)
    expect([first.restarts(), second.restarts()]).toEqual([0, 0])
    expect([...seen].sort()).toEqual(idsOf(count))
  })

  test('what is not begun when its partition leaves is let go, done by the next owner, and comes back as another scope', async () => {
    const opened = await open()
    const results = watchResults(opened)
    let scopes = (): readonly Scope[] => []
    const keep = (owned: () => readonly Scope[]) => {
      scopes = owned
    }
    await opened.log.append(notificationRecords(40))
    const idle = start(opened, idleStage(forwardingStage(), keep))
    await opened.until(() => idle.unacked() === 40)
    const before = scopes()
    const busy = start(opened, forwardingStage())
    await opened.until(() => results.accepted.length > 0 && results.accepted.length === 40 - idle.unacked())
    await opened.during(busy.stop(5000))
    await opened.until(() => scopes().length === before.length)
    expect(scopes()).toEqual(expect.arrayContaining([...before]))
    const kept = scopes().filter((scope) => before.includes(scope))
    expect([kept.length > 0, kept.length < before.length]).toEqual([true, true])
    expect([idle.restarts(), busy.restarts()]).toEqual([0, 0])
  })

  test('the records that a crashed member held are done by the others, once', async () => {
    const opened = await open()
    const results = watchResults(opened)
    const stage = unhurriedStage(opened)
    const doomed: Member[] = []
    const crashing = withMembers(opened, (member) => {
      doomed.push(member)
      return {}
    })
    await opened.log.append(notificationRecords(count))
    start(crashing, stage)
    start(opened, stage)
    await opened.until(() => results.accepted.length >= 500)
    for (const member of doomed) await opened.crash?.(member)
    await opened.until(() => results.accepted.length >= count)
    expect([...results.accepted].sort()).toEqual(idsOf(count))
  })
}

/** Begins nothing: keeps all records in hand, and lets go of those whose scope leaves. */
function idleStage(stage: ForwardingStage, told: (scopes: () => readonly Scope[]) => void): ForwardingStage {
  return {
    ...stage,
    operator: (context) => (batches) =>
      new Observable(() => {
        const held = new Set<InputRecord<'notification-requested' | 'cancel-requested'>>()
        const subscription = batches.subscribe(({ records }) => {
          for (const record of records) held.add(record)
        })
        told(context.scopes)
        subscription.add(
          context.revoked.subscribe((revoked) => {
            const gone = [...held].filter(({ scope }) => revoked.includes(scope))
            for (const record of gone) held.delete(record)
            context.release(gone)
          }),
        )
        return subscription
      }),
  }
}

/** Slow enough that partitions move while work is in flight. */
function unhurriedStage({ clock }: LogUnderTest, seen: string[] = []): ForwardingStage {
  const stage = forwardingStage((id) => seen.push(id))
  return {
    ...stage,
    operator: (context) => (batches) =>
      batches.pipe(
        concatMap((batch) => of(batch).pipe(delay(15, clock))),
        stage.operator(context),
      ),
  }
}
