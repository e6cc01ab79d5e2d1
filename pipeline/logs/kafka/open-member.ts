/** Opens all that a member is made of: a producer, a consumer for each lane, and its place in the group. */
import type { Lane, Topic } from '../../../schemas/streams.js'
import { topicName } from '../../../schemas/streams.js'
import { laneOf } from '../../engine/topic-partition.js'
import type { Clients } from './clients.js'
import { type LaneFeed, laneFeed } from './lane-feed.js'
import { type KafkaMember, kafkaMember, type MemberOptions } from './member.js'
import type { Names } from './names.js'
import { openTransactions, type TransactionOptions } from './transactions.js'

export interface OpenMemberOptions
  extends Omit<MemberOptions, 'feeds' | 'transactions' | 'leadingTopic'>,
    Pick<TransactionOptions, 'beforeCommit' | 'onStuck'> {
  /** How long a transaction of a process that died may stay open. */
  readonly transactionTimeoutMs: number
}

/** A member on its way into the group. Rejects with `Unavailable`; nothing of it stays open then, for whoever cannot
 *  join tries again and again. */
export async function openMember(options: OpenMemberOptions): Promise<KafkaMember> {
  const { clients, names, group, topics, name, transactionTimeoutMs, beforeCommit, onStuck } = options
  const [leadingTopic] = [...topics].sort((a, b) => (topicName(a) < topicName(b) ? -1 : 1))
  if (!leadingTopic) throw new RangeError('A member reads one way at least')
  const transactions = await openTransactions(clients, {
    transactionalId: name,
    timeoutMs: transactionTimeoutMs,
    beforeCommit,
    onStuck,
  })
  const feeds = new Map<Lane, LaneFeed>()
  try {
    await openFeeds(clients, names, group, topics, feeds)
    return await kafkaMember({ ...options, feeds, transactions, leadingTopic })
  } catch (error) {
    await Promise.all([...feeds.values()].map((feed) => feed.close()))
    await transactions.close()
    throw error
  }
}

async function openFeeds(
  clients: Clients,
  names: Names,
  group: string,
  topics: readonly Topic[],
  into: Map<Lane, LaneFeed>,
): Promise<void> {
  const opened = await Promise.allSettled(
    [...new Set(topics.map(laneOf))].map(async (lane) => {
      const consumer = await clients.reader(names.group(group), { 'enable.partition.eof': true }, 'consumer')
      into.set(lane, laneFeed(consumer, names))
    }),
  )
  for (const result of opened) if (result.status === 'rejected') throw result.reason
}
