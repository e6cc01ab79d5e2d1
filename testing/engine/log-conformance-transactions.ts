/** What a log promises about commits: outputs, state and positions together or not at all. */
import { expect, test } from 'vitest'
import { Fenced, type LogRecord, type Member, type Transaction } from '../../pipeline/engine/log.js'
import type { Scope, StateChange } from '../../stages/stage.js'
import {
  accepted,
  collect,
  forward,
  joinAlone,
  type LogFeatures,
  type LogUnderTest,
  placeOf,
  positionsAfter,
  reader,
  readerLag,
  request,
  requests,
  restart,
  textOf,
  wayOf,
} from './log-under-test.js'

const nothing: Transaction = { outputs: [], changes: [], positions: [], durable: false }

export function describeTransactions(open: () => Promise<LogUnderTest>, { durable, holes = false }: LogFeatures): void {
  test('a batch is seen again after a crash before its commit, and not after it', async () => {
    const opened = await open()
    await opened.log.append(requests('normal', 60))
    let member = await opened.log.join(reader)
    const first = (await collect(opened, member, 60)).map(placeOf).sort()
    member = await restart(opened, member)
    const again = await collect(opened, member, 60)
    expect(again.map(placeOf).sort()).toEqual(first)
    await forward(member, again)
    member = await restart(opened, member)
    await opened.log.append(requests('high', 5))
    const next = await collect(opened, member, 5)
    expect(next.map(({ topic }) => topic.lane)).toEqual(Array(5).fill('high'))
  })

  test('a commit that fails leaves nothing: no output, no state, no position', async () => {
    const opened = await open()
    await opened.log.append(requests('high', 20))
    const outputs: LogRecord[] = []
    let member = await opened.log.join(reader)
    const polled = await collect(opened, member, 20)
    opened.failCommits(true)
    await expect(member.commit(stepOf(polled))).rejects.toThrow()
    opened.failCommits(false)
    await member.leave()
    member = await opened.log.join(reader)
    opened.log.tail(wayOf('notifications.accepted', 'high')).subscribe((record) => outputs.push(record))
    const again = await collect(opened, member, 20)
    expect(again.map(placeOf).sort()).toEqual(polled.map(placeOf).sort())
    expect(await standing(opened, member, again)).toEqual({ lag: 20, state: [] })
    expect(outputs).toEqual([])

    await member.commit(stepOf(again))
    await opened.until(() => outputs.length === 20)
    expect(await standing(opened, member, again)).toEqual({ lag: 0, state: again.map(textOf).sort() })
    expect(outputs.map(textOf).sort()).toEqual(polled.map(textOf).sort())
  })

  test.skipIf(holes)('what failed to commit leaves no hole among the offsets', async () => {
    const opened = await open()
    await opened.log.append(requests('high', 20))
    let member = await opened.log.join(reader)
    const polled = await collect(opened, member, 20)
    opened.failCommits(true)
    await expect(member.commit(stepOf(polled))).rejects.toThrow()
    opened.failCommits(false)
    await member.leave()
    member = await opened.log.join(reader)
    await forward(member, await collect(opened, member, 20))
    const next = await opened.log.join({ group: 'enrich-template', topics: [wayOf('notifications.accepted', 'high')] })
    const records = await collect(opened, next, 20)
    const last = Math.max(...positionsAfter(records).map((position) => position.next))
    const most = Math.max(...[0, 1, 2, 3].map((p) => records.filter(({ partition }) => partition === p).length))
    expect(last).toBe(most)
  })

  test('work that was settled out of order is still settled after a restart', async () => {
    const opened = await open()
    await opened.log.append(requests('normal', 12, 1))
    let member = await opened.log.join(reader)
    const polled = await collect(opened, member, 12)
    const place = { topic: wayOf('notifications.requested', 'normal'), partition: polled[0]?.partition ?? -1 }
    const position = { ...place, next: 3, ackedAhead: [4, 5, 9] }
    await member.commit({ ...nothing, positions: [position] })
    expect(opened.log.unacked('dedupe', position)).toBe(6)
    expect(opened.log.acked('dedupe', position)).toBe(6)

    member = await restart(opened, member)
    const { firstDeliveryFrom, ...start } = member.start(place)
    expect(start).toEqual(position)
    expect(firstDeliveryFrom).toBeGreaterThanOrEqual(12)
    const rest = await collect(opened, member, 6)
    expect(rest.map(({ offset }) => offset)).toEqual([3, 6, 7, 8, 10, 11])
    expect(opened.log.unacked('dedupe', position)).toBe(6)
  })

  test('state is read in the order of its keys, from a bound to a bound, as many as asked', async () => {
    const opened = await open()
    const member = await joinAlone(opened)
    const keys = ['b', 'a', 'b/10', 'b/2', 'b/1', 'c', 'B', 'b~', '']
    await member.commit({ ...nothing, changes: keys.map((key) => put(key)) })
    const range = (from: string, to: string, limit: number) =>
      member.range(scope, from, to, limit).map(({ key, value }) => `${key}=${Buffer.from(value)}`)
    expect({
      all: range('', '\u007f', 100),
      prefix: range('b/', 'b0', 100),
      limited: range('b', 'c', 2),
      toIsOutside: range('b', 'c', 100),
      empty: range('x', 'z', 100),
      none: range('', '\u007f', 0),
    }).toEqual({
      all: ['=', 'B=B', 'a=a', 'b=b', 'b/1=b/1', 'b/10=b/10', 'b/2=b/2', 'b~=b~', 'c=c'],
      prefix: ['b/1=b/1', 'b/10=b/10', 'b/2=b/2'],
      limited: ['b=b', 'b/1=b/1'],
      toIsOutside: ['b=b', 'b/1=b/1', 'b/10=b/10', 'b/2=b/2', 'b~=b~'],
      empty: [],
      none: [],
    })
  })

  test('state belongs to its group, lane and partition, and the last change of a commit wins', async () => {
    const opened = await open()
    const member = await joinAlone(opened)
    const other = await joinAlone(opened, { ...reader, group: 'enrich-template' })
    const elsewhere: Scope[] = [
      { lane: 'low', partition: 1 },
      { lane: 'high', partition: 2 },
    ]
    const changes = [put('k', 'first'), ...elsewhere.map((scope) => put('k', 'elsewhere', scope)), put('k', 'last')]
    await member.commit({ ...nothing, changes: [...changes, put('gone'), remove('gone'), remove('never there')] })
    const stored = (of: Member, at: Scope, key = 'k') => textOf({ value: of.get(at, key) ?? null })
    expect(stored(member, scope)).toBe('last')
    expect(elsewhere.map((at) => stored(member, at))).toEqual(['elsewhere', 'elsewhere'])
    expect([stored(member, scope, 'gone'), stored(member, scope, 'never there'), stored(other, scope)]).toEqual([
      null,
      null,
      null,
    ])
    await member.commit({ ...nothing, changes: [remove('k')] })
    expect([stored(member, scope), member.range(scope, '', '\u007f', 10)]).toEqual([null, []])
  })

  test('state is there again after a restart', async () => {
    const opened = await open()
    const member = await joinAlone(opened)
    await member.commit({ ...nothing, changes: [put('kept', 'value'), put('deleted')] })
    await member.commit({ ...nothing, changes: [remove('deleted')] })
    const next = await restart(opened, member)
    const entries = next.range(scope, '', '\u007f', 10).map(({ key, value }) => [key, Buffer.from(value).toString()])
    expect(entries).toEqual([['kept', 'value']])
  })

  test('a commit may carry only outputs, or only positions', async () => {
    const opened = await open()
    await opened.log.append(requests('high', 4, 1))
    const member = await opened.log.join(reader)
    const polled = await collect(opened, member, 4)
    await member.commit({ ...nothing, outputs: polled.map(accepted), durable: true })
    expect(await readerLag(opened)).toBe(4)
    await member.commit({ ...nothing, positions: positionsAfter(polled) })
    expect(await readerLag(opened)).toBe(0)
    const written = await opened.lag('enrich-template', [wayOf('notifications.accepted', 'high')])
    expect(written.map(({ records }) => records).sort()).toEqual([0, 0, 0, 4])
  })

  test('a member that left commits nothing more', async () => {
    const opened = await open()
    await opened.log.append(requests('high', 4))
    const member = await opened.log.join(reader)
    const polled = await collect(opened, member, 4)
    await member.leave()
    await expect(forward(member, polled)).rejects.toThrow(Fenced)
    expect(await readerLag(opened)).toBe(4)
  })

  test.runIf(durable)('everything committed is there when the log is opened again', async () => {
    const opened = await open()
    await opened.log.append([...requests('high', 30), request('low', 'late', 'later')])
    const member = await opened.log.join(reader)
    const polled = await collect(opened, member, 31)
    await member.commit({ ...stepOf(polled.filter(({ topic }) => topic.lane === 'high')), durable: true })
    await opened.reopen?.()
    const next = await opened.log.join(reader)
    const rest = await collect(opened, next, 1)
    expect(rest.map(textOf)).toEqual(['later'])
    expect(await standing(opened, next, polled)).toEqual({
      lag: 1,
      state: requests('high', 30).map(textOf).sort(),
    })
  })
}

const scope: Scope = { lane: 'high', partition: 1 }

function put(key: string, value = key, at = scope): StateChange {
  return { scope: at, key, value: Buffer.from(value), expiresAtMs: null }
}

function remove(key: string): StateChange {
  return { scope, key, value: null, expiresAtMs: null }
}

/** What a stage would commit that remembers every record it forwards. */
function stepOf(records: readonly LogRecord[]): Transaction {
  const changes = records.map((record): StateChange => {
    const { partition, value } = record
    return { scope: { lane: 'high', partition }, key: placeOf(record), value, expiresAtMs: null }
  })
  return { outputs: records.map(accepted), changes, positions: positionsAfter(records), durable: false }
}

async function standing(opened: LogUnderTest, member: Member, records: readonly LogRecord[]): Promise<object> {
  const partitions = [...new Set(records.map(({ partition }) => partition))]
  const entries = partitions.flatMap((partition) => member.range({ lane: 'high', partition }, '', '\u007f', 1000))
  return { lag: await readerLag(opened), state: entries.map(textOf).sort() }
}
