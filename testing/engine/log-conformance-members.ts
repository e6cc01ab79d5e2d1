/** What a log promises to members that share a group: never two owners, and no work lost or done twice on a move. */
import { expect, test } from 'vitest'
import { Fenced, type Member } from '../../pipeline/engine/log.js'
import { topicName } from '../../schemas/streams.js'
import { describeMoves } from './log-conformance-moves.js'
import {
  collect,
  forward,
  type LogUnderTest,
  type OpenLog,
  ownedBy,
  placeOf,
  reader,
  readerLag,
  requests,
} from './log-under-test.js'

const usual = { partitions: 4, revokeTimeoutMs: 60_000 }

export function describeMembers(open: OpenLog): void {
  test('members share the partitions evenly, each with the same partitions of every way', async () => {
    const opened = await open(usual)
    const members: Member[] = []
    const counts: number[][] = []
    for (let joined = 1; joined <= 5; joined++) {
      members.push(await opened.log.join(reader))
      await shared(opened, members)
      counts.push(members.map((member) => ownedBy(member).length).sort())
    }
    expect(counts).toEqual([[4], [2, 2], [1, 1, 2], [1, 1, 1, 1], [0, 1, 1, 1, 1]])
    expect(members.map(partitionsByTopic)).toEqual(members.map((member) => Array(3).fill(ownedBy(member))))
  })

  test('what a member has stays with it where it can', async () => {
    const opened = await open(usual)
    const first = await opened.log.join(reader)
    await shared(opened, [first])
    const second = await opened.log.join(reader)
    await shared(opened, [first, second])
    const before = [ownedBy(first), ownedBy(second)]
    const third = await opened.log.join(reader)
    await shared(opened, [first, second, third])
    const stayed = [ownedBy(first), ownedBy(second)].flat().filter((partition) => before.flat().includes(partition))
    await third.leave()
    await shared(opened, [first, second])
    expect(stayed.length).toBe(3)
    expect(stayed.every((partition) => before[0]?.includes(partition) === ownedBy(first).includes(partition))).toBe(
      true,
    )
  })

  test('a partition moves when its member leaves, and when it crashes', async () => {
    const opened = await open(usual)
    await opened.log.append(requests('normal', 120))
    const first = await opened.log.join(reader)
    const second = await opened.log.join(reader)
    const third = await opened.log.join(reader)
    await shared(opened, [first, second, third])
    await opened.until(async () => (await first.poll(20, 20)).length > 0)
    await first.leave()
    await shared(opened, [second, third])
    await opened.until(async () => (await second.poll(20, 20)).length > 0)
    await opened.crash?.(second)
    await shared(opened, [third])
    const records = await collect(opened, third, 120)
    expect(new Set(records.map(placeOf)).size).toBe(120)
  })

  test('a revoke is held until the member has settled, and what it commits meanwhile counts', async () => {
    const opened = await open(usual)
    await opened.log.append(requests('normal', 80))
    const first = await opened.log.join(reader)
    const gate = held(first)
    await shared(opened, [first])
    const polled = await collect(opened, first, 80)
    const second = await opened.log.join(reader)
    await opened.until(() => gate.revoked.length > 0)
    await forward(first, polled)
    expect([ownedBy(second), ownedBy(first)]).toEqual([[], [0, 1, 2, 3]])
    gate.release()
    await shared(opened, [first, second])
    expect(ownedBy(second)).toEqual(gate.revoked)
    expect(await opened.during(second.poll(100, 50))).toEqual([])
    expect(await readerLag(opened)).toBe(0)
  })

  test('nothing more is polled from a partition that is being taken away', async () => {
    const opened = await open(usual)
    const first = await opened.log.join(reader)
    const gate = held(first)
    await shared(opened, [first])
    const second = await opened.log.join(reader)
    await opened.until(() => gate.revoked.length > 0)
    await opened.log.append(requests('normal', 80))
    const kept = requests('normal', 80).length
    const records = await opened.during(first.poll(kept, 50))
    expect(records.filter(({ partition }) => gate.revoked.includes(partition))).toEqual([])
    gate.release()
    await shared(opened, [first, second])
  })

  test('a revoke that is never settled passes after its bound, and the late commit is refused', async () => {
    const opened = await open({ ...usual, revokeTimeoutMs: 500 })
    await opened.log.append(requests('normal', 80))
    const first = await opened.log.join(reader)
    first.onRevoke(() => new Promise(() => undefined))
    await shared(opened, [first])
    const polled = await collect(opened, first, 80)
    const second = await opened.log.join(reader)
    await shared(opened, [first, second])
    const lost = polled.filter(({ partition }) => ownedBy(second).includes(partition))
    const again = await collect(opened, second, lost.length)
    expect(again.map(placeOf).sort()).toEqual(lost.map(placeOf).sort())
    await expect(forward(first, lost)).rejects.toThrow(Fenced)
    await forward(second, again)
    expect(await readerLag(opened)).toBe(80 - lost.length)
  })

  test('a late commit is refused whole, even where half of it is still the member’s', async () => {
    const opened = await open({ ...usual, revokeTimeoutMs: 500 })
    await opened.log.append(requests('normal', 80))
    const first = await opened.log.join(reader)
    await shared(opened, [first])
    const polled = await collect(opened, first, 80)
    const second = await opened.log.join(reader)
    await shared(opened, [first, second])
    await expect(forward(first, polled)).rejects.toThrow(Fenced)
    expect(await readerLag(opened)).toBe(80)
  })

  test('the late state change of a member that lost the partition is refused', async () => {
    const opened = await open({ ...usual, revokeTimeoutMs: 500 })
    const first = await opened.log.join(reader)
    await shared(opened, [first])
    const second = await opened.log.join(reader)
    await shared(opened, [first, second])
    const scope = { lane: 'low', partition: ownedBy(second)[0] ?? -1 } as const
    const changes = [{ scope, key: 'claim', value: Buffer.from('late'), expiresAtMs: null }]
    const late = first.commit({ outputs: [], changes, positions: [], durable: false })
    await expect(late).rejects.toThrow(Fenced)
    expect(second.get(scope, 'claim')).toBeUndefined()
  })

  describeMoves(open)
}

/** Waits until all is shared out: nothing unowned, nobody more than one ahead. */
async function shared(opened: LogUnderTest, members: readonly Member[]): Promise<void> {
  await opened.until(() => {
    const counts = members.map((member) => ownedBy(member).length)
    const all = members.flatMap(ownedBy)
    return new Set(all).size === 4 && all.length === 4 && Math.max(...counts) - Math.min(...counts) <= 1
  })
}

/** Holds a member's revokes until it is released. */
function held(member: Member): { readonly revoked: number[]; release(): void } {
  const revoked: number[] = []
  let release = (): void => undefined
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  member.onRevoke((assignments) => {
    const numbers = new Set(assignments.map(({ partition }) => partition))
    revoked.push(...[...numbers].sort((a, b) => a - b))
    return released
  })
  return { revoked, release: () => release() }
}

function partitionsByTopic(member: Member): number[][] {
  const places = new Map(reader.topics.map((topic) => [topicName(topic), [] as number[]]))
  member.assignments
    .subscribe((now) => {
      for (const { topic, partition } of now) places.get(topicName(topic))?.push(partition)
    })
    .unsubscribe()
  return [...places.values()].map((partitions) => partitions.sort((a, b) => a - b))
}
