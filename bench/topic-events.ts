/** Every event of a stream, as somebody else than Carillon reads it: from the file of an engine that has closed, or from
 *  Kafka, read committed from start to end. */
import type { Message } from 'node-rdkafka'
import { createCodec } from '../pipeline/engine/codec.js'
import type { LogRecord } from '../pipeline/engine/log.js'
import { disconnect, kafkaClients } from '../pipeline/logs/kafka/clients.js'
import { answerOf, loadKafka } from '../pipeline/logs/kafka/library.js'
import { kafkaNames } from '../pipeline/logs/kafka/names.js'
import { logRecord } from '../pipeline/logs/kafka/wire.js'
import { Database } from '../pipeline/logs/sqlite/database.js'
import { openLogTables } from '../pipeline/logs/sqlite/log-tables.js'
import { segmentReader } from '../pipeline/logs/sqlite/segment-reader.js'
import type { EventName, EventOf } from '../schemas/avro.js'
import { type StreamName, streams, topicsOf } from '../schemas/streams.js'
import { databaseFileOf, kafkaOf, type Place } from './place.js'

/** A read of many partitions waits so long for the next record, or the end of one. */
const quietMostMs = 30_000
const readAtOnce = 2000
const waitMs = 20

/** The notifications of its events, in all its lanes: one for each event that is a first try. */
export async function idsOn(place: Place, stream: StreamName): Promise<string[]> {
  const codec = createCodec()
  const events: readonly EventName[] = streams[stream].events
  const ids: string[] = []
  const each = (record: LogRecord) => {
    const event = codec.decode(record, events)
    if (isFirstTry(event)) ids.push(idOf(event))
  }
  if (place.engine === 'sqlite') readFile(databaseFileOf(place), stream, each)
  else await readKafka(place, stream, each)
  return ids
}

function readFile(databaseFile: string, stream: StreamName, each: (record: LogRecord) => void): void {
  const database = new Database(databaseFile)
  try {
    const tables = openLogTables(database)
    for (const topic of topicsOf(stream)) {
      const reader = segmentReader(tables.segments, tables.partitions.of(topic, 0), 0, null)
      for (let records = reader.read(readAtOnce); records.length > 0; records = reader.read(readAtOnce)) {
        for (const record of records) each(record)
      }
    }
  } finally {
    database.close()
  }
}

async function readKafka(place: Place, stream: StreamName, each: (record: LogRecord) => void): Promise<void> {
  const { connection, prefix, partitions } = kafkaOf(place)
  const clients = kafkaClients(await loadKafka(), connection)
  const names = kafkaNames(prefix)
  const topics = new Map(topicsOf(stream).map((topic) => [names.nameOf(topic), topic]))
  const reader = await clients.reader(names.group('bench'), { 'enable.partition.eof': true })
  reader.setDefaultConsumeTimeout(waitMs)
  const atEnd = new Set<string>()
  reader.on('partition.eof', ({ topic: name, partition }) => atEnd.add(`${name}-${partition}`))
  const places = [...topics.keys()].flatMap((name) =>
    Array.from({ length: partitions }, (_, partition) => ({ topic: name, partition, offset: 0 })),
  )
  reader.assign(places)
  let movedMs = performance.now()
  try {
    for (let left = places.length; left > 0; left = places.length - atEnd.size) {
      if (performance.now() - movedMs > quietMostMs) throw new Error(`${stream} could not be read to its end`)
      const known = atEnd.size
      const messages = await answerOf<Message[]>((done) => reader.consume(readAtOnce, done))
      if (messages.length > 0 || atEnd.size > known) movedMs = performance.now()
      for (const message of messages) {
        const topic = topics.get(message.topic)
        if (topic) each(logRecord(message, topic))
      }
    }
    reader.unassign()
  } finally {
    await disconnect(reader)
  }
}

/** What is tried again goes through the last two topics again: there the first tries count. */
function isFirstTry({ value }: EventOf<EventName>): boolean {
  return !('delivery' in value) || value.delivery.attempts.length + value.delivery.deferrals === 0
}

/** The notification of an event of the topics from requested to released. */
function idOf({ event, value }: EventOf<EventName>): string {
  if ('delivery' in value) return value.delivery.notificationId
  if ('request' in value) return value.request.id
  return event === 'notification-requested' ? value.id : `a ${event}`
}
