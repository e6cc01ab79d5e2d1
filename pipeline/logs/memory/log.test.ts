import { expect, test } from 'vitest'
import { StorageFull, Unavailable } from '../../../schemas/errors.js'
import { describeLog } from '../../../testing/engine/log-conformance.js'
import {
  accepted,
  forward,
  ownedBy,
  positionsAfter,
  reader,
  request,
  requests,
  textOf,
  waitingIn,
  wayOf,
} from '../../../testing/engine/log-under-test.js'
import { openMemoryLog } from '../../../testing/logs/memory/log-under-test.js'
import { Fenced } from '../../engine/log.js'
import { seededRandom } from '../../engine/seeded-random.js'
import { virtualClock } from './clock.js'
import { memoryLog } from './log.js'

describeLog('memory', openMemoryLog, { members: true, durable: false })

const startMs = Date.UTC(2030, 0, 1)

test('work that a member polled before it lost a partition and got it back is refused', async () => {
  const { scheduler } = virtualClock(startMs)
  const log = memoryLog({ partitions: 1, clock: scheduler })
  await log.append(requests('high', 4, 1))
  const first = await log.join(reader)
  const polled = await first.poll(4, 0)
  const second = await log.join(reader)
  log.crash(first)
  const third = await log.join(reader)
  await second.leave()
  expect(ownedBy(third)).toEqual([0])
  await expect(forward(third, polled)).rejects.toThrow(Fenced)
  expect(log.unacked(reader.group, { topic: wayOf('notifications.requested', 'high'), partition: 0 })).toBe(4)
})

test('positions never go back', async () => {
  const { scheduler } = virtualClock(startMs)
  const log = memoryLog({ partitions: 1, clock: scheduler })
  await log.append(requests('high', 4, 1))
  const member = await log.join(reader)
  const polled = await member.poll(4, 0)
  await forward(member, polled)
  await expect(forward(member, polled.slice(0, 2))).rejects.toThrow(Fenced)
})

test('a failed commit has to be followed by leaving and joining again', async () => {
  const { scheduler } = virtualClock(startMs)
  const log = memoryLog({ partitions: 1, clock: scheduler })
  await log.append(requests('high', 4, 1))
  const member = await log.join(reader)
  const polled = await member.poll(2, 0)
  log.failNextCommit()
  await expect(forward(member, polled)).rejects.toThrow(Unavailable)
  await expect(forward(member, polled)).rejects.toThrow(Unavailable)
  await expect(member.poll(2, 0)).rejects.toThrow(Unavailable)
  await member.leave()
  const next = await log.join(reader)
  expect((await next.poll(9, 0)).length).toBe(4)
})

test('a commit whose answer is lost has taken effect', async () => {
  const { scheduler } = virtualClock(startMs)
  const log = memoryLog({ partitions: 1, clock: scheduler })
  await log.append(requests('high', 4, 1))
  const member = await log.join(reader)
  log.failNextCommit('answer')
  await expect(forward(member, await member.poll(3, 0))).rejects.toThrow(Unavailable)
  await member.leave()
  const next = await log.join(reader)
  expect((await next.poll(9, 0)).map(({ offset }) => offset)).toEqual([3])
})

test('a second poll or commit while one is under way is refused', async () => {
  const { scheduler, advance } = virtualClock(startMs)
  const log = memoryLog({ partitions: 1, clock: scheduler })
  const member = await log.join(reader)
  const poll = member.poll(1, 100)
  await expect(member.poll(1, 100)).rejects.toThrow('under way')
  await advance(100)
  expect(await poll).toEqual([])
  const commits = [forward(member, []), forward(member, [])].map((commit) =>
    commit.then(
      () => 'committed',
      (error: Error) => error.message,
    ),
  )
  expect(await Promise.all(commits)).toEqual(['committed', 'A commit of this member is under way already'])
})

test('a member may not share a group with one that reads something else', async () => {
  const log = memoryLog({ partitions: 1, clock: virtualClock(startMs).scheduler })
  await log.join(reader)
  await expect(log.join({ ...reader, topics: reader.topics.slice(1) })).rejects.toThrow('cannot join')
})

test('what does not fit is refused whole', async () => {
  const log = memoryLog({ partitions: 1, clock: virtualClock(startMs).scheduler, maxRecords: 5 })
  await log.append(requests('high', 4, 1))
  await expect(log.append(requests('low', 2))).rejects.toThrow(StorageFull)
  const member = await log.join(reader)
  const polled = await member.poll(9, 0)
  await expect(forward(member, polled)).rejects.toThrow(StorageFull)
  expect((await waitingIn(log, 'dedupe', reader.topics)).map(({ records }) => records)).toEqual([4, 0, 0])
})

test('state that has expired is gone at that very moment', async () => {
  const { scheduler, advance } = virtualClock(startMs)
  const log = memoryLog({ partitions: 1, clock: scheduler })
  const member = await log.join(reader)
  const scope = { lane: 'high', partition: 0 } as const
  const changes = [{ scope, key: 'claim', value: Buffer.from('mine'), expiresAtMs: startMs + 1000 }]
  await member.commit({ outputs: [], changes, positions: [], durable: false })
  await advance(999)
  expect(textOf({ value: member.get(scope, 'claim') ?? null })).toBe('mine')
  await advance(1)
  expect([member.get(scope, 'claim'), member.range(scope, '', '~', 9)]).toEqual([undefined, []])
})

test('with failing and slow commits and appends, what was answered happened, and the seed repeats the run', async () => {
  const runs = [await faultyRun(7), await faultyRun(7), await faultyRun(8)]
  expect(runs.map(({ repeated, unanswered }) => [repeated, unanswered])).toEqual([
    [0, []],
    [0, []],
    [0, []],
  ])
  expect(runs[0]).toEqual(runs[1])
  expect(runs[0]?.endedAtMs).not.toEqual(runs[2]?.endedAtMs)
  expect(runs[0]?.failures).toBeGreaterThan(0)
})

/** Appends and forwards 60 records on a log that fails now and then, the appender trying again under a new name. */
async function faultyRun(seed: number): Promise<{
  readonly failures: number
  readonly repeated: number
  readonly unanswered: readonly string[]
  readonly endedAtMs: number
}> {
  const { scheduler, runUntil } = virtualClock(startMs)
  const faults = { random: seededRandom(seed), commitFails: 0.3, appendFails: 0.2, delayMs: 50 }
  const log = memoryLog({ partitions: 2, clock: scheduler, faults })
  const answered: string[] = []
  const happened: string[] = []
  let failures = 0
  log.tail(wayOf('notifications.accepted', 'high')).subscribe((record) => happened.push(textOf(record) ?? ''))

  const topic = wayOf('notifications.requested', 'high')
  const unacked = (): number =>
    log.unacked(reader.group, { topic, partition: 0 }) + log.unacked(reader.group, { topic, partition: 1 })
  const append = async (): Promise<void> => {
    for (let number = 0; answered.length < 60; number++) {
      const record = request('high', `user-${number % 5}`, `record ${number}`)
      await log.append([record]).then(
        () => answered.push(`record ${number}`),
        () => failures++,
      )
    }
  }
  const work = async (): Promise<void> => {
    let member = await log.join(reader)
    while (answered.length < 60 || unacked() > 0) {
      try {
        const polled = await member.poll(5, 20)
        const positions = positionsAfter(polled)
        await member.commit({ outputs: polled.map(accepted), changes: [], positions, durable: false })
      } catch {
        failures++
        await member.leave()
        member = await log.join(reader)
      }
    }
  }
  let done = false
  const finished = Promise.all([append(), work()]).then(() => {
    done = true
  })
  await runUntil(() => done, 60_000)
  await finished
  const unanswered = answered.filter((name) => !happened.includes(name))
  return { failures, repeated: happened.length - new Set(happened).size, unanswered, endedAtMs: scheduler.now() }
}
