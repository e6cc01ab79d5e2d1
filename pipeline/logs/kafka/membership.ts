/** A member's place in its consumer group. The group shares out the partitions of one topic, the leading topic of its
 *  members; partition p of every other way goes with p of that one, for state belongs to (lane, partition) and the
 *  library's assignors do not keep partitions of several topics together.
 *
 *  Its consumer fetches nothing: it is never told to read what it is assigned. Revoked partitions stay this member's
 *  until `revoked` resolves. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { KafkaConsumer, LibrdKafkaError, Message, TopicPartition } from 'node-rdkafka'
import { Unavailable } from '../../../schemas/errors.js'
import { Fenced } from '../../engine/log.js'
import { type Clients, connect, disconnect } from './clients.js'
import { answerOf, codeOf, isRefusal, isReplaced } from './library.js'

/** Rebalances are served only within `consume`: so long is one call, and the pause after one that failed. */
const serveMs = 50
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
  /** Another process has taken the static member's name. */
  replaced(): void
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
  const settings = {
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
  }
  const consumer = clients.consumer(settings, 'member')
  consumer.setDefaultConsumeTimeout(serveMs)
  await connect(consumer)
  consumer.on('event.error', notice)
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
      await answerOf<Message[]>((done) => consumer.consume(1, done)).catch(async (error: unknown) => {
        notice(error)
        await sleep(serveMs)
      })
    }
  }

  /** Other trouble passes: the library goes on trying. */
  function notice(error: unknown): void {
    if (leaving) return
    if (isReplaced(error)) {
      options.replaced()
      options.failed(new Fenced(`Another process has taken ${clientId}: is a slot used twice?`, { cause: error }))
    } else if (isRefusal(error)) {
      options.failed(new Unavailable(`Kafka refuses ${clientId} its place in ${group}`, { cause: error }))
    }
  }
}
