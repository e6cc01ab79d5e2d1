/** Makes, connects and ends the library's clients.
 *
 *  Invariant: a consumer is disconnected only when no call of it is under way and nothing that it polled is on its way
 *  to JavaScript: librdkafka would be freed under it. */
import type { ClientMetrics, KafkaConsumer, LibrdKafkaError, Metadata, Producer } from 'node-rdkafka'
import { Unavailable } from '../../../schemas/errors.js'
import { answerOf, type Kafka, type KafkaConnection } from './library.js'
import { type ClientKind, type KafkaObserver, parseStatistics, statisticsEveryMs } from './statistics.js'

/** For everything that asks a broker once. */
export const requestTimeoutMs = 5000
const connectTimeoutMs = 10_000
/** A disconnect that takes longer is left to itself. */
const disconnectTimeoutMs = 10_000
/** Largest batch of records that a topic takes, and so the largest record. The content of a notification is far smaller. */
export const maxMessageBytes = 4 * 1024 * 1024
/** What goes around a record in its batch. */
const batchOverheadBytes = 64 * 1024
/** Prefetched by one consumer, beside what one fetch brings. */
const prefetchKilobytes = 4 * 1024
/** What one fetch brings, of one partition and in all; a larger record comes alone. */
const fetchPartitionBytes = 256 * 1024
const fetchBytes = 2 * 1024 * 1024
const prefetchRecords = 10_000
/** A producer's events are looked at so often: where it reports what was delivered, and where it does not. */
const reportEveryMs = 5
const pollEveryMs = 100
const maxPollIntervalMs = 24 * 60 * 60 * 1000

export type Settings = Readonly<Record<string, unknown>>

/** Makes clients of one connection. */
export interface Clients {
  readonly kafka: Kafka
  /** A consumer that is not connected yet. With a kind its statistics are told: it must be polled as long as it lives. */
  consumer(settings: Settings, kind?: ClientKind): KafkaConsumer
  /** A connected consumer that joins no group: for manual assignments and questions about `group`. */
  reader(group: string, settings?: Settings, kind?: ClientKind): Promise<KafkaConsumer>
  producer(settings: Settings): Promise<Producer>
}

export function kafkaClients(
  kafka: Kafka,
  { brokers, settings = {} }: KafkaConnection,
  observer: KafkaObserver | null = null,
  statisticsMs = statisticsEveryMs,
): Clients {
  const common = {
    ...settings,
    'bootstrap.servers': brokers,
    'socket.keepalive.enable': true,
    'reconnect.backoff.max.ms': 1000,
    'log.connection.close': false,
    // Without it librdkafka writes to standard error; nobody listens to the event.
    log_level: 3,
    event_cb: true,
  }
  const statistics = observer ? { 'statistics.interval.ms': statisticsMs } : {}
  const clients: Clients = {
    kafka,
    consumer(own, kind) {
      const consumer = new kafka.KafkaConsumer(
        {
          ...common,
          ...(kind && statistics),
          'enable.auto.commit': false,
          'enable.auto.offset.store': false,
          'isolation.level': 'read_committed',
          'max.poll.interval.ms': maxPollIntervalMs,
          'queued.min.messages': prefetchRecords,
          'queued.max.messages.kbytes': prefetchKilobytes,
          'fetch.message.max.bytes': fetchPartitionBytes,
          'fetch.max.bytes': fetchBytes,
          'fetch.queue.backoff.ms': 10,
          'fetch.wait.max.ms': 500,
          ...own,
        } as object,
        { 'auto.offset.reset': 'earliest' },
      )
      if (kind) watch(consumer, kind, observer)
      return consumer
    },
    async reader(group, own = {}, kind) {
      const consumer = clients.consumer({ 'group.id': group, ...own }, kind)
      consumer.setDefaultConsumeTimeout(0)
      await connect(consumer)
      return consumer
    },
    async producer(own) {
      const producer = new kafka.Producer(
        {
          ...common,
          ...statistics,
          'compression.codec': 'lz4',
          acks: -1,
          'enable.idempotence': true,
          'message.max.bytes': maxMessageBytes - batchOverheadBytes,
          ...own,
        } as object,
        // In the first argument the partitioner would be lost without a word.
        { partitioner: 'murmur2_random' },
      )
      watch(producer, 'producer', observer)
      await connect(producer)
      producer.setPollInterval('dr_cb' in own ? reportEveryMs : pollEveryMs)
      return producer
    },
  }
  return clients
}

interface Counting {
  on(event: 'event.stats', listener: (told: { readonly message: string }) => void): unknown
  once(event: 'disconnected', listener: () => void): unknown
}

/** Tells what a client counts, until it is gone. */
function watch(client: Counting, kind: ClientKind, observer: KafkaObserver | null): void {
  if (!observer) return
  client.on('event.stats', ({ message }) => {
    const statistics = parseStatistics(message)
    if (statistics) observer.counted(client, kind, statistics)
  })
  client.once('disconnected', () => observer.gone(client))
}

interface Connectable {
  connect(options: object, done: (error: LibrdKafkaError, metadata: Metadata) => void): unknown
  on(event: 'event.error', listener: (error: LibrdKafkaError) => void): unknown
}

/** Rejects with `Unavailable` when no broker answers. */
export async function connect(client: Connectable): Promise<void> {
  // Trouble with a broker is repaired by the library; what stays broken fails the calls.
  client.on('event.error', () => undefined)
  await answerOf<Metadata>((done) => client.connect({ timeout: connectTimeoutMs, allTopics: false }, done)).catch(
    (error: unknown) => {
      throw new Unavailable('No Kafka broker answers. Is CARILLON_LOG right, and Kafka up?', { cause: error })
    },
  )
}

interface Disconnectable {
  disconnect(done: (error: LibrdKafkaError, metrics: ClientMetrics) => void): unknown
  isConnected(): boolean
}

/** Resolves when it is gone, or after a bound. */
export async function disconnect(client: Disconnectable): Promise<void> {
  if (!client.isConnected()) return
  let late: NodeJS.Timeout | undefined
  await Promise.race([
    answerOf<ClientMetrics>((done) => client.disconnect(done)).catch(() => undefined),
    new Promise((resolve) => {
      late = setTimeout(resolve, disconnectTimeoutMs)
    }),
  ])
  clearTimeout(late)
}
