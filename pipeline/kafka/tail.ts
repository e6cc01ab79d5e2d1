/** Every record of some partitions from their start on, then those that come. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Message } from 'node-rdkafka'
import { Observable } from 'rxjs'
import { type Clients, disconnect } from './clients.js'
import { answerOf } from './library.js'

const chunk = 500
const waitMs = 50
const retryMs = 1000

/** The log, as far as its tails need it. */
export interface TailKeeper {
  /** Takes what must be waited for before the log is closed. */
  track(ending: Promise<void>): void
  isClosed(): boolean
}

/** Told in batches, as they are read. While Kafka is away it waits; it ends with its subscriber or
 *  the log. */
export function tailMessages(
  clients: Clients,
  groupId: string,
  topic: string,
  partitions: number,
  { track, isClosed }: TailKeeper,
): Observable<readonly Message[]> {
  return new Observable((subscriber) => {
    const offsets = new Map<number, number>()

    const readOn = async (): Promise<void> => {
      const consumer = await clients.reader(groupId)
      try {
        consumer.assign(
          Array.from({ length: partitions }, (_, partition) => ({
            topic,
            partition,
            offset: offsets.get(partition) ?? 0,
          })),
        )
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
