import { expect, test } from 'vitest'
import { StorageFull } from '../../../schemas/errors.js'
import { describeLog } from '../../../testing/engine/log-conformance.js'
import {
  accepted,
  collect,
  joinAlone,
  placeOf,
  positionsAfter,
  readerLag,
  requests,
  textOf,
  wayOf,
} from '../../../testing/engine/log-under-test.js'
import { openSqliteLog } from '../../../testing/logs/sqlite/log-under-test.js'

describeLog('sqlite', openSqliteLog, { members: false, durable: true })

test('when the last write of a commit fails, its first ones are undone too', async () => {
  const opened = await openSqliteLog({ partitions: 4, revokeTimeoutMs: 1000 })
  await opened.log.append(requests('high', 20))
  const member = await joinAlone(opened)
  const polled = await collect(opened, member, 20)
  const outputs = polled.map(accepted)
  opened.database.exec(`CREATE TEMP TRIGGER fails BEFORE INSERT ON log_positions
    BEGIN SELECT RAISE(ABORT, 'as the test wants it'); END`)
  const commit = { outputs, changes: [], positions: positionsAfter(polled), durable: false }
  await expect(member.commit(commit)).rejects.toThrow('as the test wants it')
  opened.database.exec('DROP TRIGGER fails')
  const lag = await opened.lag('enrich-template', [wayOf('notifications.accepted', 'high')])
  expect([await readerLag(opened), lag.map(({ records }) => records)]).toEqual([20, [0, 0, 0, 0]])
  await opened.close()
})

test('appending and what goes with it are one: both are done, or neither', async () => {
  const opened = await openSqliteLog({ partitions: 4, revokeTimeoutMs: 1000 })
  opened.database.exec('CREATE TABLE beside (note TEXT)')
  const note = (text: string) => opened.database.prepare('INSERT INTO beside VALUES (?)').run(text)
  const [one, two, three, four] = requests('high', 4, 1).map((record) => [record])
  const broken = new Error('as the test wants it')
  const outcomes = await Promise.allSettled([
    opened.log.appendIf(one ?? [], () => ({ append: note('one').changes > 0 })),
    opened.log.appendIf(two ?? [], () => {
      note('two')
      throw broken
    }),
    opened.log.appendIf(three ?? [], () => ({ append: note('three').changes === 0 })),
    opened.log.appendIf(four ?? [], () => ({ append: note('four').changes > 0 })),
  ])
  expect(outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value.append : outcome.reason))).toEqual([
    true,
    broken,
    false,
    true,
  ])
  await opened.reopen()
  const notes = opened.database.prepare('SELECT note FROM beside').all() as { note: string }[]
  const member = await joinAlone(opened)
  const read = await collect(opened, member, 2)
  expect([notes.map((row) => row.note), read.map(textOf), read.map(({ offset }) => offset)]).toEqual([
    ['one', 'three', 'four'],
    ['high user-0 0', 'high user-0 3'],
    [0, 1],
  ])
  await opened.close()
})

test('while the disk is full appends and commits say so and leave nothing; afterwards all goes on', async () => {
  const opened = await openSqliteLog({ partitions: 4, revokeTimeoutMs: 1000 })
  await opened.log.append(requests('normal', 100))
  const member = await joinAlone(opened)
  const polled = await collect(opened, member, 100)
  const pages = Number((opened.database.prepare('PRAGMA page_count').get() as { page_count: number }).page_count)
  opened.database.exec(`PRAGMA max_page_count = ${pages}`)
  const value = Buffer.alloc(200_000, 'x')
  const large = requests('low', 5).map((record) => ({ ...record, value }))
  await expect(opened.log.append(large)).rejects.toBeInstanceOf(StorageFull)
  const outputs = polled.map(accepted).map((record) => ({ ...record, value }))
  const commit = { outputs, changes: [], positions: positionsAfter(polled), durable: true }
  await expect(member.commit(commit)).rejects.toBeInstanceOf(StorageFull)
  await member.leave()
  expect(await readerLag(opened)).toBe(100)
  opened.database.exec('PRAGMA max_page_count = 1000000')
  await opened.log.append(large)
  await opened.reopen()
  const next = await joinAlone(opened)
  const again = await collect(opened, next, 105)
  expect(
    again
      .filter(({ topic }) => topic.lane === 'normal')
      .map(placeOf)
      .sort(),
  ).toEqual(polled.map(placeOf).sort())
  const lows = again.filter(({ topic }) => topic.lane === 'low').map((record) => record.value?.length)
  const check = opened.database.prepare('PRAGMA integrity_check').get()
  expect([lows, check]).toEqual([Array(5).fill(200_000), { integrity_check: 'ok' }])
  await opened.close()
})

test('what failed to be appended is not read in the place of what was appended after it', async () => {
  const opened = await openSqliteLog({ partitions: 4, revokeTimeoutMs: 1000 })
  const member = await joinAlone(opened)
  opened.database.exec(`CREATE TEMP TRIGGER fails BEFORE INSERT ON log_segments
    BEGIN SELECT RAISE(ABORT, 'as the test wants it'); END`)
  await expect(opened.log.append(requests('low', 2, 1))).rejects.toThrow('as the test wants it')
  opened.database.exec('DROP TRIGGER fails')
  await opened.log.append(requests('low', 4, 1).slice(2))
  expect((await collect(opened, member, 2)).map(textOf)).toEqual(['low user-0 2', 'low user-0 3'])
  await opened.close()
})

test('a topic that is written out is the same topic', async () => {
  const opened = await openSqliteLog({ partitions: 4, revokeTimeoutMs: 1000 })
  const written = { stream: 'notifications.requested', lane: 'low', channel: null } as const
  await opened.log.append(requests('low', 3, 1))
  await opened.log.append(requests('low', 3, 1).map((record) => ({ ...record, topic: written })))
  const member = await joinAlone(opened)
  expect((await collect(opened, member, 6)).map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4, 5])
  await opened.close()
})

test('what a failed commit made for its state is forgotten with it: states stay apart', async () => {
  const opened = await openSqliteLog({ partitions: 4, revokeTimeoutMs: 1000 })
  const member = await joinAlone(opened)
  const [high, low] = [0, 0].map((partition, index) => ({ lane: index === 0 ? 'high' : 'low', partition }) as const)
  if (!high || !low) throw new Error('Two scopes are needed')
  const put = (scope: typeof high, value: number) => {
    const changes = [{ scope, key: 'key', value: Uint8Array.of(value), expiresAtMs: null }]
    return member.commit({ outputs: [], changes, positions: [], durable: false })
  }
  opened.database.exec(`CREATE TEMP TRIGGER fails BEFORE INSERT ON log_state
    BEGIN SELECT RAISE(ABORT, 'as the test wants it'); END`)
  await expect(put(high, 1)).rejects.toThrow('as the test wants it')
  opened.database.exec('DROP TRIGGER fails')
  await put(low, 2)
  await put(high, 3)
  expect([member.get(high, 'key'), member.get(low, 'key')]).toEqual([Uint8Array.of(3), Uint8Array.of(2)])
  await opened.close()
})

test('a commit that fails alone leaves no hole for those it shared the transaction with', async () => {
  const opened = await openSqliteLog({ partitions: 4, revokeTimeoutMs: 1000 })
  await opened.log.append(requests('high', 8, 1))
  const one = await joinAlone(opened)
  const other = await joinAlone(opened, { group: 'route', topics: [wayOf('notifications.rendered', 'high')] })
  const outputs = (await collect(opened, one, 8)).map(accepted)
  opened.database.exec(`CREATE TEMP TRIGGER fails BEFORE INSERT ON log_state
    BEGIN SELECT RAISE(ABORT, 'as the test wants it'); END`)
  const changes = [
    { scope: { lane: 'high', partition: 0 }, key: 'k', value: Uint8Array.of(1), expiresAtMs: null },
  ] as const
  const outcomes = await Promise.allSettled([
    one.commit({ outputs, changes, positions: [], durable: false }),
    other.commit({ outputs, changes: [], positions: [], durable: false }),
  ])
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
  await opened.log.append(outputs)
  const offsets: number[] = []
  opened.log.tail(wayOf('notifications.accepted', 'high')).subscribe(({ offset }) => offsets.push(offset))
  expect(offsets).toEqual(Array.from({ length: 16 }, (_, offset) => offset))
  await opened.close()
})
