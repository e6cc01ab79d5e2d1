/** Every record of some partitions from their start or their end on, then those that come. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { KafkaConsumer, Message } from 'node-rdkafka'
import { Observable } from 'rxjs'
import type { TailOptions } from '../../engine/log.js'
import { type Clients, disconnect } from './clients.js'
import { answerOf } from './library.js'
import { endOffsets, placeName } from './offsets.js'

const chunk = 500
/** How long a call waits for the first record. It comes back as soon as there is one: this costs no latency, but how
 *  late the end of the subscription is noticed. */
const waitMs = 50
const retryMs = 1000

/** The log, as far as its tails need it. */
export interface TailKeeper {
  /** Takes what must be waited for before the log is closed. */
  track(ending: Promise<void>): void
  isClosed(): boolean
}

/** Told in batches, as they are read. While Kafka is away it waits, and goes on where it was; it ends with its
 *  subscriber or the log. */
export function tailMessages(
  clients: Clients,
  groupId: string,
  topic: string,
  partitions: number,
  { track, isClosed }: TailKeeper,
  { from = 'start', onReady }: TailOptions = {},
): Observable<readonly Message[]> {
  return new Observable((subscriber) => {
    const offsets = new Map<number, number>()
    const places = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
    let begun = false

    const begin = async (consumer: KafkaConsumer): Promise<void> => {
      const ends = from === 'end' ? await endOffsets(consumer, places) : null
      for (const place of places) {
        const offset = ends ? ends.get(placeName(place)) : 0
        if (offset === undefined) throw new Error(`The end of ${placeName(place)} is not known`)
        offsets.set(place.partition, offset)
      }
      begun = true
      onReady?.()
    }

    const readOn = async (): Promise<void> => {
      const consumer = await clients.reader(groupId, {}, 'consumer')
      try {
        if (!begun) await begin(consumer)
        consumer.assign(places.map((place) => ({ ...place, offset: offsets.get(place.partition) ?? 0 })))
        let isIdle = false
        while (!subscriber.closed && !isClosed()) {
          // One is waited for, the rest is taken: the library waits anew for each record of a call.
          consumer.setDefaultConsumeTimeout(isIdle ? waitMs : 0)
          const most = isIdle ? 1 : chunk
          const messages = await answerOf<Message[]>((done) => consumer.consume(most, done))
          for (const { partition, offset } of messages) offsets.set(partition, offset + 1)
          isIdle = messages.length === 0
          if (!isIdle) subscriber.next(messages)
        }
        consumer.unassign()
      } finally {
        await disconnect(consumer)
      }
    }

    const run = async (): Promise<void> => {
      while (!subscriber.closed && !isClosed()) await readOn().catch(() => sleep(retryMs))
      subscriber.complete()
    }
    track(run())
  })
}
