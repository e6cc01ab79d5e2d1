/** Members that come, go and crash under load, by seeded chance: every record still happens once. */
import { expect, test } from 'vitest'
import type { LogRecord, Member } from '../../pipeline/engine/log.js'
import { seededRandom } from '../../pipeline/engine/seeded-random.js'
import {
  forward,
  type LogUnderTest,
  type OpenLog,
  ownedBy,
  reader,
  requests,
  textOf,
  waysFor,
} from './log-under-test.js'

const records = 1500
const moves = 12

export function describeMoves(open: OpenLog): void {
  test.each([1, 2, 3])('every record happens once while members come, go and crash (seed %i)', async (seed) => {
    const opened = await open({ partitions: 4, revokeTimeoutMs: 2000 })
    const random = seededRandom(seed)
    const owners = watchOwners()
    const happened: LogRecord[] = []
    for (const topic of waysFor('notifications.accepted'))
      opened.log.tail(topic).subscribe((record) => happened.push(record))
    await opened.log.append([...requests('low', records), ...requests('high', records)])
    const readers = [await startReader(opened, owners)]
    for (let move = 1; move <= moves; move++) {
      const until = Math.min(2 * records, Math.round((2 * records * move) / (moves + 2)))
      await opened.until(() => happened.length >= until)
      const leaver =
        readers.length > 1 && random() < 0.5 ? readers.splice(Math.floor(random() * readers.length), 1) : []
      for (const gone of leaver) await (random() < 0.5 ? gone.crash() : gone.stop())
      if (leaver.length === 0 && readers.length < 6) readers.push(await startReader(opened, owners))
    }
    await opened.until(() => happened.length >= 2 * records)
    for (const left of readers) await left.stop()
    const expected = [...requests('low', records), ...requests('high', records)].map(textOf).sort()
    expect(happened.map(textOf).sort()).toEqual(expected)
    expect(owners.conflicts).toEqual([])
  })
}

interface Owners {
  readonly conflicts: string[]
  watch(member: Member): void
  forget(member: Member): void
}

/** Notes every moment in which two members own the same partition. A crashed one says nothing more, so it is told. */
function watchOwners(): Owners {
  const owned = new Map<Member, readonly number[]>()
  const conflicts: string[] = []
  return {
    conflicts,
    watch(member) {
      member.assignments.subscribe(() => {
        owned.set(member, ownedBy(member))
        const all = [...owned.values()].flat()
        if (new Set(all).size < all.length) conflicts.push([...owned.values()].map(String).join(' | '))
      })
    },
    forget: (member) => owned.delete(member),
  }
}

interface RunningReader {
  crash(): Promise<void>
  stop(): Promise<void>
}

/** Polls and forwards until it is stopped; whatever fails, it leaves and joins again. */
async function startReader(opened: LogUnderTest, owners: Owners): Promise<RunningReader> {
  let ending = false
  let turn: Promise<void> = Promise.resolve()
  let member = await join()

  async function join(): Promise<Member> {
    const joined = await opened.log.join(reader)
    owners.watch(joined)
    joined.onRevoke(() => turn)
    return joined
  }

  async function work(): Promise<void> {
    const polled = await member.poll(40, 20)
    if (polled.length > 0) await forward(member, polled)
  }

  async function run(): Promise<void> {
    while (!ending) {
      turn = work()
      try {
        await turn
      } catch {
        await member.leave()
        if (!ending) member = await join()
      }
    }
  }

  const running = run()
  return {
    async crash() {
      ending = true
      owners.forget(member)
      await opened.crash?.(member)
    },
    async stop() {
      ending = true
      await opened.during(running)
      await member.leave()
    },
  }
}
