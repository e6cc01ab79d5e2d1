/** Publishes the statistics of a process's librdkafka clients as metrics, added up by the kind of client.
 *
 *  Invariant: counters only grow, although clients come and go. */
import {
  type ClientKind,
  type ClientStatistics,
  type KafkaObserver,
  statisticsEveryMs,
} from '../../logs/kafka/statistics.js'
import { operationTeller } from './databases.js'
import type { Metrics } from './metrics.js'

interface Known {
  readonly kind: ClientKind
  readonly statistics: ClientStatistics
  readonly atMs: number
}

/** A client that reports nothing for so long is taken for closed. */
const maxSilentMs = 4 * statisticsEveryMs

/** `nowMs`: a monotonic clock. */
export function kafkaObserver(metrics: Metrics, nowMs: () => number = () => performance.now()): KafkaObserver {
  const clients = new Map<object, Known>()
  /** The last statistics of every client, silent ones included: a client that reports again counts on from there. */
  const lastStatistics = new WeakMap<object, ClientStatistics>()
  /** Every kind that ever had a client. */
  const kinds = new Set<ClientKind>()
  const stateOperation = operationTeller(metrics, 'sqlite')

  // `clientBrokerSeconds` is the first of these gauges on the page: once every client is silent, the page must not go on
  // showing their last values.
  metrics.atScrape('clientBrokerSeconds', dropSilent)

  return {
    counted(client, kind, statistics) {
      countGrowth(metrics, kind, statistics, lastStatistics.get(client))
      lastStatistics.set(client, statistics)
      clients.set(client, { kind, statistics, atMs: nowMs() })
      kinds.add(kind)
      dropSilent()
    },
    gone(client) {
      clients.delete(client)
      dropSilent()
    },
    stateWritten: (ms, failure) => stateOperation('state', ms, failure),
  }

  function dropSilent(): void {
    const firstMs = nowMs() - maxSilentMs
    for (const [client, { atMs }] of clients) if (atMs < firstMs) clients.delete(client)
    for (const kind of kinds) {
      const own = [...clients.values()].filter((client) => client.kind === kind)
      setGauges(
        metrics,
        kind,
        own.map(({ statistics }) => statistics),
      )
    }
  }
}

/** Adds what one client has counted since its last statistics. */
function countGrowth(
  metrics: Metrics,
  client: ClientKind,
  now: ClientStatistics,
  before: ClientStatistics | undefined,
): void {
  // Never negative: when librdkafka forgets a broker, the broker's counts disappear from the sums.
  const growth = (of: (statistics: ClientStatistics) => number) => Math.max(0, of(now) - (before ? of(before) : 0))
  metrics.clientSentBytes.inc(
    { client },
    growth(({ sentBytes }) => sentBytes),
  )
  metrics.clientReceivedBytes.inc(
    { client },
    growth(({ receivedBytes }) => receivedBytes),
  )
  metrics.clientErrors.inc(
    { client },
    growth(({ failedRequests }) => failedRequests),
  )
  metrics.clientTimeouts.inc(
    { client },
    growth(({ timedOutRequests }) => timedOutRequests),
  )
}

const quantiles = [
  ['0.5', 'p50'],
  ['0.95', 'p95'],
  ['0.99', 'p99'],
] as const

/** Sets the gauges of one kind from the statistics of its clients. */
function setGauges(metrics: Metrics, client: ClientKind, own: readonly ClientStatistics[]): void {
  const sum = (of: (statistics: ClientStatistics) => number) => own.reduce((total, one) => total + of(one), 0)
  metrics.clientQueued.set(
    { client },
    sum(({ queuedMessages }) => queuedMessages),
  )
  metrics.clientQueuedBytes.set(
    { client },
    sum(({ queuedBytes }) => queuedBytes),
  )
  metrics.clientFetched.set(
    { client },
    sum(({ fetchedMessages }) => fetchedMessages),
  )
  metrics.clientBrokersUp.set({ client }, new Set(own.flatMap(({ brokersUp }) => brokersUp)).size)
  const trips = own.flatMap(({ roundTrip }) => roundTrip ?? [])
  for (const [quantile, name] of quantiles) {
    if (trips.length === 0) metrics.clientBrokerSeconds.remove({ client, quantile })
    else metrics.clientBrokerSeconds.set({ client, quantile }, Math.max(...trips.map((trip) => trip[name])))
  }
}
