/** What node-rdkafka's admin client cannot ask: topics' settings, who is in a group, and what groups have committed. The
 *  admin client of @platformatic/kafka asks it, with the addresses, the security and the bounds that librdkafka's clients
 *  have here. It is loaded only where Kafka is configured.
 *
 *  Invariant: nothing is tried twice, for whoever asks comes again; and a client whose answer failed is not used any more,
 *  because it keeps the brokers' addresses that it learnt first. */
import type { Admin, ConfigResourceTypeValue, GenericError } from '@platformatic/kafka'
import type { TopicPartition } from 'node-rdkafka'
import { Unavailable } from '../../../schemas/errors.js'
import { adminOptions } from './admin-options.js'
import type { KafkaConnection } from './library.js'
import { type Offsets, placeName } from './offsets.js'

/** Every question rejects with `Unavailable` where Kafka does not answer it. */
export interface KafkaAdmin {
  /** Settings by topic and name. A topic that is not there, or whose settings this user may not read, is left out. */
  topicSettings(
    topics: readonly string[],
    settings: readonly string[],
  ): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>>
  /** The client ids of each group's members, asked from the brokers that coordinate the groups. */
  memberClients(groups: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>>
  /** What each group has committed of these partitions, by `placeName`; partitions without a commit are left out, and so
   *  is what a transaction is about to commit. No client joins a group for it. */
  committed(groups: ReadonlyMap<string, readonly TopicPartition[]>): Promise<ReadonlyMap<string, Offsets>>
  close(): Promise<void>
}

const topicResource: ConfigResourceTypeValue = 2

/** Connects when it is first asked. Rejects with `Unavailable` where the login is of a kind that cannot be used. */
export async function openKafkaAdmin(connection: KafkaConnection): Promise<KafkaAdmin> {
  const { Admin: Client } = await import('@platformatic/kafka')
  const client = new Client(adminOptions(connection))
  let isReached = false
  client.connections.on('connect', () => {
    isReached = true
  })
  // A connection that failed may fail again while it is closed: an error event that nobody hears would end the process.
  client.connections.on('connecting', ({ connection: made }) => made.on('error', () => undefined))
  const ask = <T>(question: Promise<T>): Promise<T> =>
    question.catch((error: unknown) => {
      throw unavailable(error, isReached)
    })

  return {
    topicSettings: (topics, settings) => ask(settingsOf(client, topics, settings)),
    memberClients: async (names) => {
      const groups = await ask(client.describeGroups({ groups: [...names] }))
      return new Map(
        [...groups].map(([name, { members }]) => [name, [...members.values()].map(({ clientId }) => clientId)]),
      )
    },
    committed: async (wanted) => {
      const groups = [...wanted].map(([groupId, places]) => ({ groupId, topics: byTopic(places) }))
      return new Map(
        (await ask(client.listConsumerGroupOffsets({ groups }))).map(({ groupId, topics }) => [
          groupId,
          new Map(
            topics.flatMap(({ name: topic, partitions }) =>
              partitions
                .filter(({ committedOffset }) => committedOffset >= 0n)
                .map(({ partitionIndex: partition, committedOffset }): [string, number] => [
                  placeName({ topic, partition }),
                  Number(committedOffset),
                ]),
            ),
          ),
        ]),
      )
    },
    // What ends with an error is closed all the same.
    close: () => client.close().catch(() => undefined),
  }
}

/** What `work` finds out with a client of its own. */
export async function withKafkaAdmin<T>(
  connection: KafkaConnection,
  work: (admin: KafkaAdmin) => Promise<T>,
): Promise<T> {
  const admin = await openKafkaAdmin(connection)
  try {
    return await work(admin)
  } finally {
    await admin.close()
  }
}

async function settingsOf(client: Admin, topics: readonly string[], configurationKeys: readonly string[]) {
  if (topics.length === 0) return new Map<string, ReadonlyMap<string, string>>()
  const resources = topics.map((resourceName) => {
    return { resourceType: topicResource, resourceName, configurationKeys: [...configurationKeys] }
  })
  const told = await client.describeConfigs({ resources }).catch(whatCouldBeRead)
  return new Map(
    told.map(({ resourceName, configs }) => [
      resourceName,
      new Map(configs.map(({ name, value }): [string, string] => [name, value ?? ''])),
    ]),
  )
}

type Told = Awaited<ReturnType<Admin['describeConfigs']>>

/** One topic that cannot be read makes an error of the whole answer, which rides along in it. */
function whatCouldBeRead(error: unknown): Told {
  const answer = (error as Partial<GenericError>).findBy?.('code', 'PLT_KFK_RESPONSE')
  const { results } = (answer?.response ?? {}) as { results?: readonly (Told[number] & { errorCode: number })[] }
  if (!results) throw error
  return results.filter(({ errorCode }) => errorCode === 0)
}

function byTopic(places: readonly TopicPartition[]): { name: string; partitionIndexes: number[] }[] {
  const topics = new Map<string, number[]>()
  for (const { topic, partition } of places) topics.set(topic, [...(topics.get(topic) ?? []), partition])
  return [...topics].map(([name, partitionIndexes]) => ({ name, partitionIndexes }))
}

function unavailable(cause: unknown, isReached: boolean): Unavailable {
  if (isLogin(cause)) return new Unavailable('The Kafka broker refused the user name or password', { cause })
  const answered = typeof cause === 'object' && cause !== null && 'findBy' in cause && isRefused(cause as GenericError)
  if (answered) return new Unavailable('Kafka does not tell about its topics and groups', { cause })
  if (isReached) return new Unavailable('The Kafka broker ended the connection', { cause })
  return new Unavailable('No Kafka broker answers. Is CARILLON_LOG right, and Kafka up?', { cause })
}

/** True where Kafka answered with an error. */
function isRefused(error: GenericError): boolean {
  return Boolean(error.findBy('code', 'PLT_KFK_RESPONSE'))
}

/** The client wraps what went wrong in several layers. */
function isLogin(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if ('code' in error && error.code === 'PLT_KFK_AUTHENTICATION') return true
  const inner = error instanceof AggregateError ? error.errors : []
  return [error.cause, ...inner].some(isLogin)
}
