/** Creates topics, and tells how those that are there differ from what is wanted. Nothing that exists is changed. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { IAdminClient, LibrdKafkaError, Metadata, NewTopic } from 'node-rdkafka'
import { withKafkaAdmin } from './admin.js'
import { type Clients, disconnect, kafkaClients, requestTimeoutMs } from './clients.js'
import { answerOf, codeOf, codes, type KafkaConnection, loadKafka, logError } from './library.js'
import type { WantedTopic } from './topics.js'

/** One thing that is not as it should be. */
export interface TopicDifference {
  readonly topic: string
  /** `missing`, `partitions`, `replicas`, or a setting's name. */
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

/** Kafka does not create a topic, and trying again does not help. */
export class TopicRefused extends Error {
  override readonly name = 'TopicRefused'
  readonly code = 'topic-refused'
}

/** Of the protocol: what the broker, its policy or this user's rights do not allow. */
const refusals: ReadonlySet<number> = new Set([17, 29, 31, 37, 38, 39, 40, 44])
/** Without these, topics do not do what Carillon counts on. */
const vital: ReadonlySet<string> = new Set(['cleanup.policy', 'max.message.bytes', 'message.timestamp.after.max.ms'])
/** More than is wanted does no harm. */
const atLeast: ReadonlySet<string> = new Set(['max.message.bytes', 'message.timestamp.after.max.ms'])
const minInSync = 'min.insync.replicas'
/** What topics get where nobody says how many replicas: enough for one to be away while another is repaired. */
const usualReplicas = 3
/** What cannot be read: the broker does not tell it, or not this user. */
const unknown = 'unknown'
const visiblePatienceMs = 15_000
const createTimeoutMs = 30_000
const createdAtOnce = 32

/** What differs. `replicationFactor` null: as many replicas as there are brokers, 3 at most, will do. Rejects with
 *  `Unavailable` or `KafkaMissing`. */
export async function compareTopics(
  connection: KafkaConnection,
  wanted: readonly WantedTopic[],
  replicationFactor: number | null = null,
): Promise<readonly TopicDifference[]> {
  const clients = kafkaClients(await loadKafka(), connection)
  const cluster = await clusterNow(clients)
  const present = wanted.filter(({ name }) => cluster.topics.has(name))
  const names = [...new Set([minInSync, ...wanted.flatMap(({ config }) => Object.keys(config))])]
  const found = await withKafkaAdmin(connection, (admin) =>
    admin.topicSettings(
      present.map(({ name }) => name),
      names,
    ),
  )
  return wanted.flatMap((topic) => {
    const shape = cluster.topics.get(topic.name)
    if (!shape) return [{ topic: topic.name, what: 'missing', wanted: 'a topic', found: 'none', fatal: true }]
    const settings = found.get(topic.name)
    return [
      ...shapeDifferences(topic, shape, replicationFactor, usualFactor(cluster)),
      ...settingDifferences(topic, shape, settings),
    ]
  })
}

/** Creates what is missing, waits until it is to be seen, and tells what differs in the rest. */
export async function ensureTopics(
  connection: KafkaConnection,
  wanted: readonly WantedTopic[],
  replicationFactor: number | null,
): Promise<EnsuredTopics> {
  const kafka = await loadKafka()
  const clients = kafkaClients(kafka, connection)
  const cluster = await clusterNow(clients)
  const missing = wanted.filter(({ name }) => !cluster.topics.has(name))
  const factor = replicationFactor ?? usualFactor(cluster)
  const admin = kafka.AdminClient.create({ ...connection.settings, 'bootstrap.servers': connection.brokers } as object)
  try {
    for (let at = 0; at < missing.length; at += createdAtOnce) {
      await Promise.all(missing.slice(at, at + createdAtOnce).map((topic) => createOne(admin, topic, factor)))
    }
  } finally {
    admin.disconnect()
  }
  await visible(clients, missing)
  const differences = await compareTopics(connection, wanted, replicationFactor)
  return { created: missing.map(({ name }) => name), differences }
}

function usualFactor({ brokers }: Cluster): number {
  return Math.min(usualReplicas, brokers)
}

/** With one replica away, what is written is still on two of three. */
function usualMinInSync(replicas: number): string {
  return String(Math.max(1, replicas - 1))
}

function shapeDifferences(
  { name: topic, partitions }: WantedTopic,
  found: Shape,
  factor: number | null,
  usual: number,
): TopicDifference[] {
  const differences: TopicDifference[] = []
  if (found.partitions !== partitions) {
    const numbers = { wanted: String(partitions), found: String(found.partitions) }
    differences.push({ topic, what: 'partitions', ...numbers, fatal: true })
  }
  // While a broker is away, fewer would do than there are.
  if (factor === null ? found.replicas < usual : found.replicas !== factor) {
    const numbers = { wanted: String(factor ?? usual), found: String(found.replicas) }
    differences.push({ topic, what: 'replicas', ...numbers, fatal: false })
  }
  return differences
}

function settingDifferences(
  { name: topic, config }: WantedTopic,
  { replicas }: Shape,
  settings: ReadonlyMap<string, string> | undefined,
): TopicDifference[] {
  return Object.entries({ [minInSync]: usualMinInSync(replicas), ...config }).flatMap(([what, wanted]) => {
    const found = settings?.get(what) ?? unknown
    if (found === wanted || (atLeast.has(what) && Number(found) >= Number(wanted))) return []
    // More in sync than there are: nothing could be written.
    const unwritable = what === minInSync && Number(found) > replicas
    return [{ topic, what, wanted, found, fatal: found !== unknown && (vital.has(what) || unwritable) }]
  })
}

async function createOne(admin: IAdminClient, wanted: WantedTopic, replicationFactor: number): Promise<void> {
  const topic: NewTopic = {
    topic: wanted.name,
    num_partitions: wanted.partitions,
    replication_factor: replicationFactor,
    config: { [minInSync]: usualMinInSync(replicationFactor), ...wanted.config },
  }
  await answerOf<undefined>((done) =>
    admin.createTopic(topic, createTimeoutMs, (error: LibrdKafkaError) => done(error, undefined)),
  ).catch((error: unknown) => {
    if (codeOf(error) === codes.topicExists) return
    const what = `The topic ${wanted.name} could not be created`
    if (!refusals.has(codeOf(error)) || !(error instanceof Error)) throw logError(error, what)
    throw new TopicRefused(`${what}: ${error.message}`, { cause: error })
  })
}

async function visible(clients: Clients, topics: readonly WantedTopic[]): Promise<void> {
  const deadline = performance.now() + visiblePatienceMs
  while (topics.length > 0 && performance.now() < deadline) {
    const now = await clusterNow(clients)
    if (topics.every(({ name }) => now.topics.has(name))) return
    await sleep(50)
  }
}

interface Shape {
  readonly partitions: number
  /** Of the partition that has fewest. */
  readonly replicas: number
}

interface Cluster {
  /** That are up. */
  readonly brokers: number
  readonly topics: ReadonlyMap<string, Shape>
}

async function clusterNow(clients: Clients): Promise<Cluster> {
  const client = await clients.reader('carillon-topics')
  try {
    const { brokers, topics } = await answerOf<Metadata>((done) =>
      client.getMetadata({ timeout: requestTimeoutMs, allTopics: true } as object, done),
    )
    const shapes = topics.map(({ name, partitions }): [string, Shape] => {
      const replicas = Math.min(...partitions.map((partition) => partition.replicas.length))
      return [name, { partitions: partitions.length, replicas }]
    })
    return { brokers: brokers.length, topics: new Map(shapes) }
  } catch (error) {
    throw logError(error, 'The topics could not be listed')
  } finally {
    await disconnect(client)
  }
}
