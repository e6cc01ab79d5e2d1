import { afterEach, beforeEach, expect, test } from 'vitest'
import { collect, forward, joinAlone, request, requests, wayOf } from '../../../testing/engine/log-under-test.js'
import { openSqliteLog, type SqliteLogUnderTest } from '../../../testing/logs/sqlite/log-under-test.js'
import type { LagReader, PartitionLag } from '../../engine/lag-reading.js'
import { Database } from './database.js'
import { sqliteLagReader } from './lag-reader.js'

let opened: SqliteLogUnderTest
let file: Database
let lags: LagReader
let isAlive: boolean
beforeEach(async () => {
  isAlive = true
  opened = await openSqliteLog({ partitions: 1, revokeTimeoutMs: 0 })
  file = new Database(opened.database.file, { readOnly: true })
  lags = sqliteLagReader({ database: file, retentionMs: 60_000, isAlive: async () => isAlive, nowMs: () => 42 })
})
afterEach(async () => {
  file.close()
  await opened.close()
})

const high = wayOf('notifications.requested', 'high')

async function lagOf(topic = high): Promise<PartitionLag | undefined> {
  return (await lags.read()).partitions.find((partition) => partition.topic === topic)
}

test('every stage’s lag is read from the file, and the engine’s answer is its one member', async () => {
  const reading = await lags.read()
  const stages = ['dedupe', 'enrich-template', 'route', 'throttle', 'deliver', 'record', 'dead-letters'] as const
  expect([...reading.members]).toEqual(stages.map((stage) => [stage, 1]))
  expect(new Set(reading.partitions.map(({ stage }) => stage))).toEqual(new Set(stages))
  expect([reading.atMs, reading.partitions.length, reading.retentionMs(high)]).toEqual([42, 32, 60_000])
  isAlive = false
  expect(new Set((await lags.read()).members.values())).toEqual(new Set([0]))
})

test('what waits is counted, less what was settled out of order, and its age is that of the oldest', async () => {
  const place = { stage: 'dedupe', topic: high, partition: 0, start: 0, lost: 0 } as const
  expect(await lagOf()).toEqual({ ...place, committed: null, end: 0, records: 0, oldestMs: null })
  const beforeMs = Date.now()
  await opened.log.append(requests('high', 3))
  await opened.log.append(requests('high', 2))
  const times = opened.database.prepare('SELECT written_ms FROM log_segments ORDER BY position').all()
  const [first, second] = (times as { written_ms: number }[]).map(({ written_ms }) => written_ms)
  expect(first).toBeGreaterThanOrEqual(beforeMs)
  expect(await lagOf()).toEqual({ ...place, committed: null, end: 5, records: 5, oldestMs: first })
  const member = await joinAlone(opened)
  const ack = (next: number, ackedAhead: readonly number[]) =>
    member.commit({
      outputs: [],
      changes: [],
      positions: [{ topic: high, partition: 0, next, ackedAhead }],
      durable: false,
    })
  await ack(2, [4])
  expect(await lagOf()).toEqual({ ...place, committed: 2, end: 5, records: 2, oldestMs: first })
  await ack(3, [4])
  expect(await lagOf()).toEqual({ ...place, committed: 3, end: 5, records: 1, oldestMs: second })
  await ack(5, [])
  expect(await lagOf()).toEqual({ ...place, committed: 5, end: 5, records: 0, oldestMs: null })
})

test('the age is found in the middle of many segments', async () => {
  await opened.log.append(requests('high', 1000))
  const member = await joinAlone(opened)
  opened.database.exec('UPDATE log_segments SET written_ms = position % 1000000')
  const first = (opened.database.prepare('SELECT min(position) AS first FROM log_segments').get() as { first: number })
    .first
  for (const next of [1, 255, 256, 700]) {
    const positions = [{ topic: high, partition: 0, next, ackedAhead: [] }]
    await member.commit({ outputs: [], changes: [], positions, durable: false })
    const segment = first + Math.floor(next / 256) * 256
    expect([next, (await lagOf())?.oldestMs]).toEqual([next, segment % 1_000_000])
  }
})

test('what retention took is no lag, and none of it is lost, for all had settled it', async () => {
  await opened.log.append(requests('high', 300))
  const member = await joinAlone(opened)
  await forward(member, await collect(opened, member, 300))
  while (await opened.log.prune({ olderThanMs: Date.now() + 1, bytes: 2 ** 40, nowMs: Date.now() }));
  expect(await lagOf()).toMatchObject({ committed: 300, start: 300, end: 300, records: 0, lost: 0 })
  await opened.log.append([request('high', 'a', 'b')])
  expect(await lagOf()).toMatchObject({ committed: 300, start: 300, end: 301, records: 1, lost: 0 })
})
