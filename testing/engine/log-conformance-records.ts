/** What a log promises about records: none lost, none changed, each key in order. */
import { firstValueFrom, take, toArray } from 'rxjs'
import { expect, test } from 'vitest'
import type { LogRecord, NewRecord } from '../../pipeline/engine/log.js'
import { partitionOf } from '../../pipeline/engine/murmur2.js'
import { lanes, topicName } from '../../schemas/streams.js'
import {
  collect,
  forward,
  type LogUnderTest,
  placeOf,
  plain,
  reader,
  request,
  requests,
  textOf,
  wayOf,
} from './log-under-test.js'

export function describeRecords(open: () => Promise<LogUnderTest>): void {
  test('records of one key and lane are read in the order in which they were written', async () => {
    const opened = await open()
    const written = lanes.flatMap((lane) => requests(lane, 240))
    for (let at = 0; at < written.length; at += 50) await opened.log.append(written.slice(at, at + 50))
    const member = await opened.log.join(reader)
    const records = await collect(opened, member, written.length, 37)
    expect(byKeyAndLane(records)).toEqual(byKeyAndLane(written))
  })

  test('a key always finds the partition that murmur2 gives it, in every lane', async () => {
    const opened = await open()
    await opened.log.append(lanes.flatMap((lane) => requests(lane, 24)))
    const records = await collect(opened, await opened.log.join(reader), 72)
    const strays = records.filter(({ key, partition }) => partition !== partitionOf(key ?? Buffer.alloc(0), 4))
    expect(strays.map(placeOf)).toEqual([])
  })

  test('offsets are dense within each partition of each way', async () => {
    const opened = await open()
    for (let round = 0; round < 5; round++) await opened.log.append(lanes.flatMap((lane) => requests(lane, 30)))
    const records = await collect(opened, await opened.log.join(reader), 450)
    const offsets = new Map<string, number[]>()
    for (const { topic, partition, offset } of records) {
      const name = `${topicName(topic)}-${partition}`
      offsets.set(name, [...(offsets.get(name) ?? []), offset])
    }
    const dense = new Map([...offsets].map(([name, own]) => [name, own.map((_, index) => index)]))
    expect(offsets).toEqual(dense)
  })

  test('keys, values, headers and times come back as they were written', async () => {
    const opened = await open()
    const written = [
      request('high', 'plain', 'value'),
      request('high', 'headers', 'value', { headers: { traceparent: '00-a-b-01', empty: '', name: 'Zoë — 🛎' } }),
      request('high', 'tombstone', null),
      request('high', '', 'an empty key'),
      request('high', null, 'no key'),
      request('high', 'ключ\u0000🔑', 'a key beyond ASCII'),
      request('high', 'time', 'value', { timestampMs: 1_900_000_000_123 }),
    ]
    await opened.log.append(written)
    const records = await collect(opened, await opened.log.join(reader), written.length)
    expect(byValue(records.map(plain))).toEqual(byValue(written.map(plain)))
  })

  test('every byte survives, in values of up to a mebibyte', async () => {
    const opened = await open()
    const values = [256, 65_537, 1024 * 1024].map((length) => Buffer.from(Array.from({ length }, (_, at) => at % 256)))
    await opened.log.append(values.map((value) => request('normal', 'one key', null, { value })))
    const records = await collect(opened, await opened.log.join(reader), values.length)
    const same = records.map(({ value }, index) => value !== null && values[index]?.equals(value))
    expect(same).toEqual([true, true, true])
  })

  test('10,000 records are read by two groups, each for itself', async () => {
    const opened = await open()
    const written = requests('low', 10_000, 100)
    await opened.log.append(written)
    const first = await opened.log.join(reader)
    const second = await opened.log.join({ ...reader, group: 'enrich-template' })
    const readByFirst = await collect(opened, first, 10_000)
    await forward(first, readByFirst)
    const readBySecond = await collect(opened, second, 10_000)
    const expected = byKeyAndLane(written)
    expect(byKeyAndLane(readByFirst)).toEqual(expected)
    expect(byKeyAndLane(readBySecond)).toEqual(expected)
  })

  test('an append of nothing is no error', async () => {
    const opened = await open()
    await opened.log.append([])
    expect((await opened.lag('dedupe', reader.topics)).map(({ records }) => records)).toEqual(Array(12).fill(0))
  })

  test('a tail tells every record of its way from the start, then those that come', async () => {
    const opened = await open()
    const topic = wayOf('notifications.requested', 'normal')
    const before = requests('normal', 40)
    const after = requests('normal', 24)
    await opened.log.append([...before, ...requests('high', 10)])
    const told: LogRecord[] = []
    const subscription = opened.log.tail(topic).subscribe((record) => told.push(record))
    await opened.until(() => told.length === 40)
    await opened.log.append(after)
    await opened.until(() => told.length === 64)
    subscription.unsubscribe()
    expect(byKeyAndLane(told)).toEqual(byKeyAndLane([...before, ...after]))
  })

  test('a tail from the end tells nothing of before, and all that is written once it is ready', async () => {
    const opened = await open()
    const topic = wayOf('notifications.requested', 'normal')
    const after = requests('normal', 24)
    await opened.log.append([...requests('normal', 40), ...requests('high', 10)])
    const told: LogRecord[] = []
    let ready = false
    const onReady = () => {
      ready = true
    }
    const subscription = opened.log.tail(topic, { from: 'end', onReady }).subscribe((record) => told.push(record))
    await opened.until(() => ready)
    await opened.log.append(after)
    await opened.until(() => told.length >= 24)
    subscription.unsubscribe()
    expect(byKeyAndLane(told)).toEqual(byKeyAndLane(after))
  })

  test('a tail tells what a commit wrote, and one that ended tells no more', async () => {
    const opened = await open()
    await opened.log.append(requests('high', 10))
    const tail = opened.log.tail(wayOf('notifications.accepted', 'high'))
    const ended: LogRecord[] = []
    tail.subscribe((record) => ended.push(record)).unsubscribe()
    const told = firstValueFrom(tail.pipe(take(10), toArray()))
    const member = await opened.log.join(reader)
    await forward(member, await collect(opened, member, 10))
    const values = (await opened.during(told)).map(textOf)
    expect(values.sort()).toEqual(requests('high', 10).map(textOf).sort())
    expect(ended).toEqual([])
  })
}

/** The values of each key and lane, in order. */
function byKeyAndLane(records: readonly NewRecord[]): Map<string, (string | null)[]> {
  const values = new Map<string, (string | null)[]>()
  for (const { topic, key, value } of records) {
    const name = `${topic.lane} ${key && Buffer.from(key)}`
    const own = values.get(name)
    if (own) own.push(textOf({ value }))
    else values.set(name, [textOf({ value })])
  }
  return values
}

function byValue(records: readonly object[]): string[] {
  return records.map((record) => JSON.stringify(record)).sort()
}
