/** Creates topics, and tells how those that are there differ from what is wanted. Nothing that exists is changed. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { IAdminClient, LibrdKafkaError, Metadata, NewTopic } from 'node-rdkafka'
import { type Clients, disconnect, kafkaClients, requestTimeoutMs } from './clients.js'
import { topicSettings } from './describe-configs.js'
import { answerOf, codeOf, codes, type KafkaConnection, loadKafka, logError } from './library.js'
import type { WantedTopic } from './topics.js'

/** One thing that is not as it should be. */
export interface TopicDifference {
  readonly topic: string
  /** `missing`, `partitions`, or a setting's name. */
  readonly what: string
  readonly wanted: string
  readonly found: string
  /** True: Carillon must not run so: it would lose records, or keys would find other partitions than their state. */
  readonly fatal: boolean
}

export interface EnsuredTopics {
  /** Names of what was not there. */
  readonly created: readonly string[]
  readonly differences: readonly TopicDifference[]
}

/** Without these, topics do not do what Carillon counts on. */
const vital: ReadonlySet<string> = new Set(['cleanup.policy', 'max.message.bytes', 'message.timestamp.after.max.ms'])
/** More than is wanted does no harm. */
const atLeast: ReadonlySet<string> = new Set(['max.message.bytes', 'message.timestamp.after.max.ms'])
const visiblePatienceMs = 15_000
const createTimeoutMs = 30_000
const createdAtOnce = 32

/** What differs. Rejects with `Unavailable` or `KafkaMissing`. */
export async function compareTopics(
  connection: KafkaConnection,
  wanted: readonly WantedTopic[],
): Promise<readonly TopicDifference[]> {
  const clients = kafkaClients(await loadKafka(), connection)
  const counts = await partitionCounts(clients)
  const present = wanted.filter(({ name }) => counts.has(name))
  const names = [...new Set(wanted.flatMap(({ config }) => Object.keys(config)))]
  const found = await topicSettings(
    connection,
    present.map(({ name }) => name),
    names,
  )
  return wanted.flatMap((topic) => differencesOf(topic, counts.get(topic.name), found.get(topic.name)))
}

/** Creates what is missing, waits until it is to be seen, and tells what differs in the rest. */
export async function ensureTopics(
  connection: KafkaConnection,
  wanted: readonly WantedTopic[],
  replicationFactor: number,
): Promise<EnsuredTopics> {
  const kafka = await loadKafka()
  const clients = kafkaClients(kafka, connection)
  const counts = await partitionCounts(clients)
  const missing = wanted.filter(({ name }) => !counts.has(name))
  const admin = kafka.AdminClient.create({ ...connection.settings, 'bootstrap.servers': connection.brokers } as object)
  try {
    for (let at = 0; at < missing.length; at += createdAtOnce) {
      await Promise.all(
        missing.slice(at, at + createdAtOnce).map((topic) => createOne(admin, topic, replicationFactor)),
      )
    }
  } finally {
    admin.disconnect()
  }
  await visible(clients, missing)
  return { created: missing.map(({ name }) => name), differences: await compareTopics(connection, wanted) }
}

function differencesOf(
  { name: topic, partitions, config }: WantedTopic,
  count: number | undefined,
  settings: ReadonlyMap<string, string> | undefined,
): TopicDifference[] {
  if (count === undefined) return [{ topic, what: 'missing', wanted: 'a topic', found: 'none', fatal: true }]
  const differences: TopicDifference[] = []
  if (count !== partitions) {
    differences.push({ topic, what: 'partitions', wanted: String(partitions), found: String(count), fatal: true })
  }
  for (const [what, wanted] of Object.entries(config)) {
    const found = settings?.get(what) ?? 'unknown'
    if (found === wanted || (atLeast.has(what) && Number(found) >= Number(wanted))) continue
    differences.push({ topic, what, wanted, found, fatal: vital.has(what) })
  }
  return differences
}

async function createOne(admin: IAdminClient, wanted: WantedTopic, replicationFactor: number): Promise<void> {
  const topic: NewTopic = {
    topic: wanted.name,
    num_partitions: wanted.partitions,
    replication_factor: replicationFactor,
    config: { ...wanted.config },
  }
  await answerOf<undefined>((done) =>
    admin.createTopic(topic, createTimeoutMs, (error: LibrdKafkaError) => done(error, undefined)),
  ).catch((error: unknown) => {
    if (codeOf(error) !== codes.topicExists) throw logError(error, `The topic ${wanted.name} could not be created`)
  })
}

async function visible(clients: Clients, topics: readonly WantedTopic[]): Promise<void> {
  const deadline = performance.now() + visiblePatienceMs
  while (topics.length > 0 && performance.now() < deadline) {
    const now = await partitionCounts(clients)
    if (topics.every(({ name }) => now.has(name))) return
    await sleep(50)
  }
}

async function partitionCounts(clients: Clients): Promise<ReadonlyMap<string, number>> {
  const client = await clients.reader('carillon-topics')
  try {
    const metadata = await answerOf<Metadata>((done) =>
      client.getMetadata({ timeout: requestTimeoutMs, allTopics: true } as object, done),
    )
    return new Map(metadata.topics.map(({ name, partitions }) => [name, partitions.length]))
  } catch (error) {
    throw logError(error, 'The topics could not be listed')
  } finally {
    await disconnect(client)
  }
}
