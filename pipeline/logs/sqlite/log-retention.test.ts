import { afterEach, expect, test } from 'vitest'
import {
  collect,
  forward,
  joinAlone,
  placeOf,
  reader,
  request,
  requests,
  textOf,
  wayOf,
} from '../../../testing/engine/log-under-test.js'
import { openSqliteLog, type SqliteLogUnderTest } from '../../../testing/logs/sqlite/log-under-test.js'
import type { LogLimits } from './log-retention.js'

const opened: SqliteLogUnderTest[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})

async function open(): Promise<SqliteLogUnderTest> {
  const one = await openSqliteLog({ partitions: 2, revokeTimeoutMs: 0 })
  opened.push(one)
  return one
}

const roomy = 2 ** 40
/** A time after everything that a test writes. */
const later = () => Date.now() + 3_600_000
const old: () => LogLimits = () => ({ olderThanMs: later(), bytes: roomy, nowMs: later() })
const crowded: () => LogLimits = () => ({ olderThanMs: 0, bytes: 0, nowMs: later() })

async function pruneAll({ log }: SqliteLogUnderTest, limits: LogLimits): Promise<void> {
  while (await log.prune(limits));
}

/** Everything that still stands in the reader's topic. */
function standing({ log }: SqliteLogUnderTest): (string | null)[] {
  const texts: (string | null)[] = []
  for (const topic of reader.topics)
    log
      .tail(topic)
      .subscribe((record) => texts.push(textOf(record)))
      .unsubscribe()
  return texts
}

test.each([
  ['old', old],
  ['crowded', crowded],
])('what a group has not consumed stays, however %s the file is', async (_, limits) => {
  const one = await open()
  await one.log.append(requests('normal', 400))
  const member = await joinAlone(one)
  const records = await collect(one, member, 100)
  await forward(member, records)
  await pruneAll(one, limits())
  const rest = await collect(one, member, 300)
  expect(new Set([...records, ...rest].map(textOf)).size).toBe(400)
})

test.each([
  ['old', old],
  ['crowded', crowded],
])('so does what a group reads that has never committed yet, in a file that is %s', async (_, limits) => {
  const one = await open()
  await one.log.append(requests('low', 40))
  const member = await joinAlone(one)
  await pruneAll(one, limits())
  expect((await collect(one, member, 40)).length).toBe(40)
  await one.reopen()
  await pruneAll(one, limits())
  expect(standing(one).length).toBe(40)
})

test('what all have consumed goes once it is old, and not before, unless the file is crowded', async () => {
  const one = await open()
  const consume = async () => {
    await one.log.append(requests('normal', 500))
    const member = await joinAlone(one)
    await forward(member, await collect(one, member, 500))
    await member.leave()
  }
  await consume()
  await pruneAll(one, { olderThanMs: 0, bytes: roomy, nowMs: later() })
  expect(standing(one).length).toBe(500)
  await pruneAll(one, old())
  expect(standing(one)).toEqual([])
  await consume()
  await pruneAll(one, crowded())
  expect(standing(one)).toEqual([])
})

test('offsets go on where they were, also when everything is gone and the file is opened again', async () => {
  const one = await open()
  const write = () => one.log.append([request('high', 'user', 'one'), request('high', 'user', 'two')])
  const consume = async (count: number) => {
    const member = await joinAlone(one)
    const records = await collect(one, member, count)
    await forward(member, records)
    await member.leave()
    return records.map((record) => placeOf(record).replace(/.*-/, ''))
  }
  await write()
  expect(await consume(2)).toEqual(['0', '1'])
  await pruneAll(one, old())
  await one.reopen()
  await write()
  expect(await consume(2)).toEqual(['2', '3'])
  expect((await one.lag(reader.group, reader.topics)).map(({ records }) => records)).toEqual([0, 0, 0, 0, 0, 0])
})

test('a prune takes small bites, and says whether there is more', async () => {
  const one = await open()
  for (let segment = 0; segment < 100; segment++) await one.log.append([request('normal', 'user', 'x')])
  const member = await joinAlone(one)
  await forward(member, await collect(one, member, 100))
  const bites = [await one.log.prune(old()), standing(one).length, await one.log.prune(old()), standing(one).length]
  expect(bites).toEqual([true, 36, false, 0])
})

test('state that has expired is forgotten, and what lasts is kept', async () => {
  const one = await open()
  const member = await joinAlone(one)
  const scope = { lane: 'normal', partition: 0 } as const
  const value = Uint8Array.of(1)
  const changes = [
    { scope, key: 'expired', value, expiresAtMs: 1000 },
    { scope, key: 'lasting', value, expiresAtMs: later() * 2 },
    { scope, key: 'timeless', value, expiresAtMs: null },
  ]
  await member.commit({ outputs: [], changes, positions: [], durable: false })
  await pruneAll(one, old())
  expect(member.range(scope, '', '~', 10).map(({ key }) => key)).toEqual(['lasting', 'timeless'])
})

test('a topic that no group reads goes by age alone', async () => {
  const one = await open()
  const topic = { stream: 'providers.health', lane: null, channel: null } as const
  const record = { ...request('normal', 'key', 'value'), topic }
  await one.log.append([record])
  await pruneAll(one, { ...old(), olderThanMs: 0 })
  const seen: (string | null)[] = []
  one.log
    .tail(topic)
    .subscribe((each) => seen.push(textOf(each)))
    .unsubscribe()
  await pruneAll(one, old())
  one.log
    .tail(topic)
    .subscribe((each) => seen.push(textOf(each)))
    .unsubscribe()
  expect([seen, wayOf('notifications.requested', 'low').lane]).toEqual([['value'], 'low'])
})
