/** How much a group on Kafka has not acked, counted record by record: offsets alone tell too much, for the marks of
 *  transactions and aborted records have some of their own. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { KafkaConsumer, Message, TopicPartition } from 'node-rdkafka'
import type { Assignment } from '../../../pipeline/engine/log.js'
import { nameOf } from '../../../pipeline/engine/topic-partition.js'
import { disconnect, kafkaClients } from '../../../pipeline/logs/kafka/clients.js'
import { answerOf, loadKafka } from '../../../pipeline/logs/kafka/library.js'
import { kafkaNames } from '../../../pipeline/logs/kafka/names.js'
import { committedOffsets, endOffsets, placeName, startOffsets } from '../../../pipeline/logs/kafka/offsets.js'
import { type ProgressByPlace, readProgress } from '../../../pipeline/logs/kafka/progress.js'
import type { Topic } from '../../../schemas/streams.js'
import type { Waiting } from '../../engine/log-under-test.js'

const chunk = 1000
const patienceMs = 60_000
const idleMs = 2

interface Stretch extends TopicPartition {
  readonly place: Assignment
  readonly from: number
  readonly to: number
  readonly ackedAhead: ReadonlySet<number>
  records: number
  read: number
}

/** Whose lag is asked. */
export interface KafkaGroup {
  readonly address: string
  readonly prefix: string
  readonly partitions: number
  readonly group: string
  readonly topics: readonly Topic[]
}

/** Reads all that the group has not acked, and counts it. */
export async function waitingOnKafka({ address, prefix, partitions, group, topics }: KafkaGroup): Promise<Waiting[]> {
  const names = kafkaNames(prefix)
  const clients = kafkaClients(await loadKafka(), { brokers: address })
  const probe = await clients.reader(names.group(group), { 'isolation.level': 'read_uncommitted' })
  const reader = await clients.reader(names.group(group), { 'enable.partition.eof': true })
  const progress = await clients.reader(names.group(group), { 'enable.partition.eof': true })
  try {
    const asked = topics.flatMap((topic) =>
      Array.from({ length: partitions }, (_, partition) => {
        return { topic: names.nameOf(topic), partition, place: { topic, partition } }
      }),
    )
    const committed = await committedOffsets(probe, asked)
    const ends = await endOffsets(probe, asked)
    const starts = await startOffsets(probe, asked)
    const acked = await progressOf(progress, probe, names.progress(group))
    const stretches = asked.map(({ topic, partition, place }): Stretch => {
      const name = placeName({ topic, partition })
      const from = Math.max(committed.get(name) ?? 0, starts.get(name) ?? 0)
      const ackedAhead = new Set(acked.get(nameOf(place))?.ackedAhead ?? [])
      return { topic, partition, place, from, to: ends.get(name) ?? from, ackedAhead, records: 0, read: from }
    })
    const open = stretches.filter(({ from, to }) => to > from)
    if (open.length > 0) await readThem(open, reader)
    return stretches.map(({ place, records }) => ({ ...place, records }))
  } finally {
    for (const client of [probe, reader, progress]) await disconnect(client)
  }
}

/** What the group acked out of order; nothing where it has no such topic. */
async function progressOf(consumer: KafkaConsumer, probe: KafkaConsumer, topic: string): Promise<ProgressByPlace> {
  const ends = await endOffsets(probe, [{ topic, partition: 0 }], 1).catch(() => new Map<string, number>())
  return readProgress(consumer, topic, ends.get(placeName({ topic, partition: 0 })) ?? 0)
}

async function readThem(stretches: readonly Stretch[], consumer: KafkaConsumer): Promise<void> {
  const byName = new Map(stretches.map((stretch) => [placeName(stretch), stretch]))
  const deadline = performance.now() + patienceMs
  consumer.on('partition.eof', (place) => {
    const stretch = byName.get(placeName(place))
    if (stretch) stretch.read = Math.max(stretch.read, place.offset)
  })
  consumer.assign(stretches.map(({ topic, partition, from }) => ({ topic, partition, offset: from })))
  // What stands behind an open transaction is not read, and counts when that has ended.
  while (stretches.some(({ read, to }) => read < to) && performance.now() < deadline) {
    const messages = await answerOf<Message[]>((done) => consumer.consume(chunk, done))
    for (const message of messages) {
      const stretch = byName.get(placeName(message))
      if (!stretch || message.offset >= stretch.to) continue
      stretch.read = Math.max(stretch.read, message.offset + 1)
      if (!stretch.ackedAhead.has(message.offset)) stretch.records++
    }
    if (messages.length === 0) await sleep(idleMs)
  }
  consumer.unassign()
}
