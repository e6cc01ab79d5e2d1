/** Counts what a run on Kafka lost and did twice: at the stubs, in each topic, read committed from start to end, and in
 *  the record store. */

import type { Message } from 'node-rdkafka'
import type { KafkaConfig } from '../pipeline/config/kafka.js'
import { createCodec } from '../pipeline/engine/codec.js'
import { disconnect, kafkaClients } from '../pipeline/logs/kafka/clients.js'
import { answerOf, loadKafka } from '../pipeline/logs/kafka/library.js'
import { kafkaNames } from '../pipeline/logs/kafka/names.js'
import { logRecord } from '../pipeline/logs/kafka/wire.js'
import type { EventName, EventOf } from '../schemas/avro.js'
import { type TopicName, topics, waysOf } from '../schemas/topics.js'
import type { StubReport } from './stub-provider.js'
import { counted, idOf, isFirstTry, notificationOf, type Tally, tallyOf } from './tally.js'

/** What a run should have brought. */
export interface Expected {
  /** Written to notifications.requested. */
  readonly accepted: readonly string[]
  /** Written behind it, to notifications.accepted. */
  readonly probes: readonly string[]
}

/** A read of many partitions waits so long for the next record, or the end of one. */
const quietMostMs = 30_000
const readAtOnce = 2000
const waitMs = 20

export async function tallyKafka(
  kafka: KafkaConfig,
  { accepted, probes }: Expected,
  reports: readonly StubReport[],
  ended: readonly string[],
): Promise<Tally> {
  const all = [...accepted, ...probes]
  const tally = tallyOf(all)
  const keys = reports.flatMap(({ firstAtMs }) => [...firstAtMs.keys()])
  const repeats = reports.reduce((sum, report) => sum + report.repeats, 0)
  tally.count('stub provider', keys.map(notificationOf), repeats)
  for (const topic of counted) {
    const ids: string[] = []
    await readTopic(kafka, topic, (event) => isFirstTry(event) && ids.push(idOf(event)))
    // The probes have gone past the first topic.
    tally.count(topic, topic === 'notifications.requested' ? [...ids, ...probes] : ids)
  }
  tally.count('record store', ended)
  return tally.total()
}

/** Every event of a topic as somebody else reads it, in all its lanes. */
export async function readTopic(
  { connection, prefix, partitions }: KafkaConfig,
  topic: TopicName,
  each: (event: EventOf<EventName>) => unknown,
): Promise<void> {
  const clients = kafkaClients(await loadKafka(), connection)
  const names = kafkaNames(prefix)
  const codec = createCodec()
  const events: readonly EventName[] = topics[topic].events
  const ways = new Map(waysOf(topic).map((way) => [names.topic(way), way]))
  const reader = await clients.reader(names.group('bench'), { 'enable.partition.eof': true })
  reader.setDefaultConsumeTimeout(waitMs)
  const atEnd = new Set<string>()
  reader.on('partition.eof', ({ topic: name, partition }) => atEnd.add(`${name}-${partition}`))
  const places = [...ways.keys()].flatMap((name) =>
    Array.from({ length: partitions }, (_, partition) => ({ topic: name, partition, offset: 0 })),
  )
  reader.assign(places)
  let movedMs = performance.now()
  try {
    for (let left = places.length; left > 0; left = places.length - atEnd.size) {
      if (performance.now() - movedMs > quietMostMs) throw new Error(`${topic} could not be read to its end`)
      const known = atEnd.size
      const messages = await answerOf<Message[]>((done) => reader.consume(readAtOnce, done))
      if (messages.length > 0 || atEnd.size > known) movedMs = performance.now()
      for (const message of messages) {
        const way = ways.get(message.topic)
        if (way) each(codec.decode(logRecord(message, way), events))
      }
    }
    reader.unassign()
  } finally {
    await disconnect(reader)
  }
}
