/** When the first record from an offset on was written, for many partitions at once. Offsets that hold no record (marks of
 *  transactions, aborted records) are passed over, so the record has to be read.
 *
 *  Invariant: one `read` at a time; of a partition whose record was read nothing more is fetched. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { KafkaConsumer, Message, TopicPartition, TopicPartitionOffset } from 'node-rdkafka'
import { type Clients, disconnect } from './clients.js'
import { answerWithin, logError } from './library.js'
import { placeName } from './offsets.js'

/** The first record, or that there is none before an offset: as far as can be read now, behind an open transaction
 *  nothing can. */
export type First =
  | { readonly kind: 'record'; readonly offset: number; readonly writtenMs: number | null }
  | { readonly kind: 'none'; readonly until: number }

export interface OldestRecords {
  /** What was found within that time, by `placeName`. Rejects with `Unavailable`, or `NoAnswer`: it is of no more use
   *  then. */
  read(places: readonly TopicPartitionOffset[], withinMs: number): Promise<ReadonlyMap<string, First>>
  close(): Promise<void>
}

const chunk = 1000
const idleMs = 5
const consumeMostMs = 1000
/** One record is wanted of each partition; a batch that is larger comes whole, and alone. */
const fetchPartitionBytes = 16 * 1024
const fetchBytes = 1024 * 1024
const prefetchKilobytes = 2 * 1024

/** `group` is joined by nobody. */
export async function openOldestRecords(clients: Clients, group: string): Promise<OldestRecords> {
  const consumer = await clients.reader(group, {
    'enable.partition.eof': true,
    'queued.min.messages': chunk,
    'queued.max.messages.kbytes': prefetchKilobytes,
    'fetch.message.max.bytes': fetchPartitionBytes,
    'fetch.max.bytes': fetchBytes,
  })
  let found = new Map<string, First>()
  let wanted: ReadonlyMap<string, number> = new Map()
  let done: TopicPartition[] = []
  /** Told before the records that come with them, and so believed after those. */
  let ends: TopicPartitionOffset[] = []
  const note = (place: TopicPartition, from: number, first: First): void => {
    const name = placeName(place)
    // What comes late belongs to an earlier question.
    if (found.has(name) || from < (wanted.get(name) ?? Number.POSITIVE_INFINITY)) return
    found.set(name, first)
    done.push({ topic: place.topic, partition: place.partition })
  }
  consumer.on('partition.eof', (end) => ends.push(end))

  return {
    async read(places, withinMs) {
      found = new Map()
      if (places.length === 0) return found
      wanted = new Map(places.map((place) => [placeName(place), place.offset]))
      done = []
      ends = []
      const deadline = performance.now() + withinMs
      try {
        consumer.assign([...places])
        while (found.size < places.length && performance.now() < deadline) {
          const messages = await consume(consumer)
          for (const message of messages) {
            const { offset, timestamp = 0 } = message
            // A producer may leave the time out: then it is -1.
            note(message, offset, { kind: 'record', offset, writtenMs: timestamp > 0 ? timestamp : null })
          }
          for (const end of ends) note(end, end.offset, { kind: 'none', until: end.offset })
          ends = []
          if (done.length > 0) consumer.incrementalUnassign(done)
          done = []
          if (messages.length === 0) await sleep(idleMs)
        }
        consumer.unassign()
        return found
      } catch (error) {
        throw logError(error, 'The oldest records could not be read')
      }
    },
    close: () => disconnect(consumer),
  }
}

function consume(consumer: KafkaConsumer): Promise<Message[]> {
  return answerWithin<Message[]>('consume', consumeMostMs, (answer) => consumer.consume(chunk, answer))
}
