/** A member's place in its consumer group. The group shares out the partitions of one topic, the leading way of its
 *  members; partition p of every other way goes with p of that one, for state belongs to (lane, partition) and the
 *  library's assignors do not keep partitions of several topics together.
 *
 *  Its consumer fetches nothing: it is never told to read what it is assigned. Revoked partitions stay this member's
 *  until `revoked` resolves. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { KafkaConsumer, LibrdKafkaError, Message, TopicPartition } from 'node-rdkafka'
import { type Clients, connect, disconnect } from './clients.js'
import { answerOf, codeOf, codes, isRebalance } from './library.js'

/** Rebalances are served only within `consume`. */
const serveEveryMs = 10
const assign = -175
const staticMaxPollIntervalMs = 120_000

export interface MembershipOptions {
  readonly group: string
  readonly topic: string
  readonly clientId: string
  /** Static membership: a member that comes back under the same name within the session time-out moves nothing. */
  readonly instanceId: string | null
  readonly sessionTimeoutMs: number
  /** New partitions; those owned before stay. */
  assigned(partitions: readonly number[]): void
  revoked(partitions: readonly number[]): Promise<void>
  /** The member is out, and has to join anew. */
  failed(error: unknown): void
}

export interface Membership {
  /** Knows the group's generation, for transactions; asks for committed offsets. */
  readonly consumer: KafkaConsumer
  leave(): Promise<void>
}

/** Tells the library that a rebalance was heard of. It throws where the consumer is being closed meanwhile, which gives
 *  everything back by itself. */
function acknowledge(tell: () => void): void {
  try {
    tell()
  } catch {
    // Nothing is left to be told.
  }
}

/** Enters the group. */
export async function enterGroup(clients: Clients, options: MembershipOptions): Promise<Membership> {
  const { group, topic, clientId, instanceId, sessionTimeoutMs } = options
  let leaving = false
  const rebalance = async (error: LibrdKafkaError | undefined, places: readonly TopicPartition[]): Promise<void> => {
    const partitions = places.map(({ partition }) => partition)
    if (codeOf(error) !== assign) {
      if (!leaving) await options.revoked(partitions)
      acknowledge(() => consumer.incrementalUnassign([]))
      return
    }
    acknowledge(() => consumer.incrementalAssign([]))
    if (!leaving && partitions.length > 0) options.assigned(partitions)
  }
  const consumer = clients.consumer({
    'group.id': group,
    'client.id': clientId,
    'partition.assignment.strategy': 'cooperative-sticky',
    'session.timeout.ms': sessionTimeoutMs,
    // Members hear of a rebalance with the answer to a heartbeat.
    'heartbeat.interval.ms': Math.min(500, Math.round(sessionTimeoutMs / 5)),
    'max.poll.interval.ms': Math.max(sessionTimeoutMs, staticMaxPollIntervalMs),
    ...(instanceId === null ? {} : { 'group.instance.id': instanceId }),
    rebalance_cb: (error: LibrdKafkaError | undefined, places: readonly TopicPartition[]) => {
      rebalance(error, places).catch(options.failed)
    },
  })
  consumer.setDefaultConsumeTimeout(0)
  await connect(consumer)
  consumer.on('event.error', (error) => {
    if (codeOf(error) === codes.fencedInstance || codeOf(error) === codes.fenced) options.failed(error)
  })
  consumer.subscribe([topic])
  const serving = serve()

  return {
    consumer,
    async leave() {
      leaving = true
      await serving
      await disconnect(consumer)
    },
  }

  async function serve(): Promise<void> {
    while (!leaving) {
      await answerOf<Message[]>((done) => consumer.consume(1, done)).catch((error: unknown) => {
        if (codeOf(error) === codes.fencedInstance || codeOf(error) === codes.fenced) options.failed(error)
        else if (!isRebalance(error) && codeOf(error) !== codes.timedOut) return
      })
      await sleep(serveEveryMs)
    }
  }
}
