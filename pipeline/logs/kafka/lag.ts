/** How far a group is behind. Offsets alone tell too much: the marks of transactions and aborted records have some of
 *  their own. So a short stretch is read and counted; of a long one only the first record is, for its age. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { KafkaConsumer, Message, TopicPartition } from 'node-rdkafka'
import type { Assignment, Lag } from '../../engine/log.js'
import { type Clients, disconnect } from './clients.js'
import { answerOf, logError } from './library.js'
import type { Names } from './names.js'
import { committedOffsets, endOffsets, placeName, startOffsets } from './offsets.js'

/** Longer stretches are told by their offsets. */
const maxCounted = 1000
const patienceMs = 5000
const idleMs = 2

interface Stretch extends TopicPartition {
  readonly place: Assignment
  readonly from: number
  readonly to: number
  readonly beyond: ReadonlySet<number>
  readonly counted: boolean
  records: number
  oldestMs: number | null
  read: number
}

export interface LagOptions {
  readonly clients: Clients
  readonly names: Names
  readonly groupId: string
  /** Asks for the group's commits; it never subscribes. */
  readonly reader: KafkaConsumer
  readonly probe: KafkaConsumer
  beyond(place: Assignment): readonly number[]
}

/** The lag of each place. Rejects with `Unavailable`. */
export async function lagOf(places: readonly Assignment[], options: LagOptions): Promise<readonly Lag[]> {
  const { names, reader, probe } = options
  const asked = places.map((place) => ({ topic: names.topic(place.way), partition: place.partition, place }))
  const [committed, ends, starts] = await Promise.all([
    committedOffsets(reader, asked),
    endOffsets(probe, asked),
    startOffsets(probe, asked),
  ])
  const stretches = asked.map(({ topic, partition, place }): Stretch => {
    const name = placeName({ topic, partition })
    const from = Math.max(committed.get(name) ?? 0, starts.get(name) ?? 0)
    const to = ends.get(name) ?? from
    const counted = to - from <= maxCounted
    const beyond = new Set(options.beyond(place).filter((offset) => offset >= from))
    return { topic, partition, place, from, to, beyond, counted, records: 0, oldestMs: null, read: from }
  })
  const open = stretches.filter(({ from, to }) => to > from)
  if (open.length > 0) await readThem(open, options)
  return stretches.map(({ place, records, oldestMs, counted, from, to, beyond }) => ({
    ...place,
    records: counted ? records : to - from - beyond.size,
    oldestMs,
  }))
}

async function readThem(stretches: readonly Stretch[], { clients, groupId }: LagOptions): Promise<void> {
  const byName = new Map(stretches.map((stretch) => [placeName(stretch), stretch]))
  const consumer = await clients.reader(groupId, {
    'enable.partition.eof': true,
    'queued.min.messages': maxCounted,
    'fetch.message.max.bytes': 256 * 1024,
  })
  const deadline = performance.now() + patienceMs
  consumer.on('partition.eof', (place) => {
    const stretch = byName.get(placeName(place))
    if (stretch) stretch.read = Math.max(stretch.read, place.offset)
  })
  try {
    consumer.assign(stretches.map(({ topic, partition, from }) => ({ topic, partition, offset: from })))
    // What stands behind an open transaction is not read, and counts when that has ended.
    while (stretches.some(isOpen) && performance.now() < deadline) {
      const messages = await answerOf<Message[]>((done) => consumer.consume(maxCounted, done))
      for (const message of messages) note(message, byName)
      if (messages.length === 0) await sleep(idleMs)
    }
    consumer.unassign()
  } catch (error) {
    throw logError(error, 'The lag of a group could not be told')
  } finally {
    await disconnect(consumer)
  }
}

function isOpen({ counted, read, to, oldestMs }: Stretch): boolean {
  return counted ? read < to : oldestMs === null && read < to
}

function note(message: Message, byName: ReadonlyMap<string, Stretch>): void {
  const stretch = byName.get(placeName(message))
  if (!stretch || message.offset >= stretch.to) return
  stretch.read = Math.max(stretch.read, message.offset + 1)
  if (stretch.beyond.has(message.offset)) return
  stretch.records++
  stretch.oldestMs ??= message.timestamp ?? null
}
