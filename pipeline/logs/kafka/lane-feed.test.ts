/** A lane on a consumer that brings what the test says, when it says so. */
import { EventEmitter } from 'node:events'
import type { KafkaConsumer, Message } from 'node-rdkafka'
import { expect, test } from 'vitest'
import { topicOf } from '../../../schemas/streams.js'
import type { LogRecord } from '../../engine/log.js'
import { laneFeed } from './lane-feed.js'
import { kafkaNames } from './names.js'

const topic = topicOf('notifications.requested', 'high', null)
const names = kafkaNames()
const name = names.nameOf(topic)
const place = { topic, partition: 0 }
const plenty = 1_000_000

test('the end of a partition is not believed while what was read before it is not taken', async () => {
  const { feed, bring } = open()
  const source = feed.add(place, 0, [])
  await bring(feed.refresh(), { offsets: [0, 1], end: 3 })
  const before = source.end()
  feed.take(1, plenty, [])
  const between = source.end()
  feed.take(1, plenty, [])
  expect([before, between, source.end()]).toEqual([0, 0, 3])
})

test('a partition that left and came back begins where it then stands, whatever was on its way', async () => {
  const { feed, bring } = open()
  feed.add(place, 40, [])
  await bring(feed.refresh(), { offsets: [40] })
  feed.take(1, plenty, [])
  const under = feed.refresh()
  feed.remove(place)
  const source = feed.add(place, 40, [])
  await bring(under, { offsets: [41, 42], end: 43 })
  expect([feed.waiting(), source.end(), source.knownEnd()]).toEqual([0, 0, 40])
  await bring(feed.refresh(), { offsets: [40, 41, 42], end: 44 })
  const records: LogRecord[] = []
  feed.take(10, plenty, records)
  expect([records.map(({ offset }) => offset), source.end()]).toEqual([[40, 41, 42], 44])
})

test('a poll takes about as many bytes as it may, and one record at least', async () => {
  const { feed, bring } = open()
  feed.add(place, 0, [])
  await bring(feed.refresh(), { offsets: [0, 1, 2, 3, 4] })
  const counts = [2.5 * recordBytes, 1, plenty].map((bytes) => {
    const records: LogRecord[] = []
    feed.take(10, bytes, records)
    return records.length
  })
  expect(counts).toEqual([3, 1, 1])
})

test('holes between records are counted, those that an earlier owner settled are not', async () => {
  const { feed, bring } = open()
  const source = feed.add(place, 0, [2, 3])
  await bring(feed.refresh(), { offsets: [0, 5, 6], end: 7 })
  feed.take(10, plenty, [])
  expect([source.holes, source.readTo]).toEqual([2, 7])
})

const valueBytes = 50
/** As a lane counts them. */
const recordBytes = valueBytes + 100

interface Brought {
  readonly offsets: readonly number[]
  readonly end?: number
}

function open() {
  const events = new EventEmitter()
  const calls: ((error: null, messages: Message[]) => void)[] = []
  const consumer = Object.assign(events, {
    consume: (_: number, done: (error: null, messages: Message[]) => void) => void calls.push(done),
    setDefaultConsumeTimeout: () => undefined,
    incrementalAssign: () => undefined,
    incrementalUnassign: () => undefined,
  })
  const feed = laneFeed(consumer as unknown as KafkaConsumer, names)
  /** Lets the call under way bring these; ends are told before the records, as the library does. */
  const bring = async (refreshed: Promise<void>, { offsets, end }: Brought): Promise<void> => {
    if (end !== undefined) events.emit('partition.eof', { topic: name, partition: 0, offset: end })
    calls.shift()?.(null, offsets.map(messageAt))
    await refreshed
  }
  return { feed, bring }
}

function messageAt(offset: number): Message {
  return { topic: name, partition: 0, offset, key: null, value: Buffer.alloc(valueBytes), size: valueBytes }
}
