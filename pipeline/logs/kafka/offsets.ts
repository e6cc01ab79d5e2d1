/** Questions about offsets, each one request for many partitions. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { KafkaConsumer, TopicPartition, TopicPartitionOffset } from 'node-rdkafka'
import { requestTimeoutMs } from './clients.js'
import { answerWithin, logError, verdictOf } from './library.js'

/** Special times of ListOffsets: https://kafka.apache.org/protocol#The_Messages_ListOffsets */
const latest = -1
const earliest = -2
/** Of a question that Kafka does not answer at once. */
const triesUsually = 4
const pauseMs = 250

/** A partition in keys of maps. */
export function placeName({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}

/** Offsets by `placeName`. */
export type Offsets = ReadonlyMap<string, number>

/** The ends of partitions: high watermarks where the reader is read_uncommitted, else last stable offsets. */
export function endOffsets(
  reader: KafkaConsumer,
  places: readonly TopicPartition[],
  tries = triesUsually,
): Promise<Offsets> {
  return ask(reader, places, latest, tries)
}

/** Where partitions begin. */
export function startOffsets(
  reader: KafkaConsumer,
  places: readonly TopicPartition[],
  tries = triesUsually,
): Promise<Offsets> {
  return ask(reader, places, earliest, tries)
}

/** What the reader's group has committed; partitions without a commit are left out. Waits for transactions that are
 *  about to commit offsets, so that what it tells stays true. */
export async function committedOffsets(reader: KafkaConsumer, places: readonly TopicPartition[]): Promise<Offsets> {
  if (places.length === 0) return new Map()
  const list = places.map(({ topic, partition }) => ({ topic, partition }))
  const told = await patiently('The committed offsets could not be read', triesUsually, () =>
    answerWithin<TopicPartitionOffset[]>('committed', requestTimeoutMs, (done) =>
      reader.committed(list, requestTimeoutMs, done),
    ),
  )
  return mapOf(told)
}

async function ask(
  reader: KafkaConsumer,
  places: readonly TopicPartition[],
  time: number,
  tries: number,
): Promise<Offsets> {
  if (places.length === 0) return new Map()
  const list = places.map(({ topic, partition }) => ({ topic, partition, offset: time }))
  const told = await patiently('The offsets of a topic could not be read', tries, () =>
    answerWithin<TopicPartitionOffset[]>('offsetsForTimes', requestTimeoutMs, (done) =>
      reader.offsetsForTimes(list, requestTimeoutMs, done),
    ),
  )
  return mapOf(told)
}

async function patiently<T>(what: string, tries: number, call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call()
    } catch (error) {
      if (attempt >= tries || verdictOf(error) === 'abort') throw logError(error, what)
      await sleep(pauseMs)
    }
  }
}

function mapOf(told: readonly TopicPartitionOffset[]): Offsets {
  return new Map(
    told
      .filter(({ offset }) => typeof offset === 'number' && offset >= 0)
      .map((place) => [placeName(place), place.offset]),
  )
}
