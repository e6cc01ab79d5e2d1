/** Adds up what librdkafka's clients of a process count, by their kind.
 *
 *  Invariant: counters only grow, though clients come and go. */
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

/** One that is silent for so long is gone without a word. */
const silentMs = 4 * statisticsEveryMs

/** `nowMs`: a clock that only runs forward. */
export function kafkaObserver(metrics: Metrics, nowMs: () => number = () => performance.now()): KafkaObserver {
  const clients = new Map<object, Known>()
  /** Also of those that were silent for a while: what they count goes on from there. */
  const lately = new WeakMap<object, ClientStatistics>()
  /** Those that there have been. */
  const kinds = new Set<ClientKind>()
  const stateOperation = operationTeller(metrics, 'sqlite')

  // The first of its gauges on the page: when all clients have fallen silent, they do not stand there as they were.
  metrics.atScrape('clientBrokerSeconds', dropSilent)

  return {
    counted(client, kind, statistics) {
      count(kind, statistics, lately.get(client))
      lately.set(client, statistics)
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
    const firstMs = nowMs() - silentMs
    for (const [client, { atMs }] of clients) if (atMs < firstMs) clients.delete(client)
    for (const kind of kinds) measure(kind)
  }

  function count(client: ClientKind, now: ClientStatistics, before: ClientStatistics | undefined): void {
    // A broker that is forgotten takes its counts along.
    const grown = (of: (statistics: ClientStatistics) => number) => Math.max(0, of(now) - (before ? of(before) : 0))
    metrics.clientSentBytes.inc(
      { client },
      grown(({ sentBytes }) => sentBytes),
    )
    metrics.clientReceivedBytes.inc(
      { client },
      grown(({ receivedBytes }) => receivedBytes),
    )
    metrics.clientErrors.inc(
      { client },
      grown(({ failedRequests }) => failedRequests),
    )
    metrics.clientTimeouts.inc(
      { client },
      grown(({ timedOutRequests }) => timedOutRequests),
    )
  }

  function measure(client: ClientKind): void {
    const own = [...clients.values()].flatMap(({ kind, statistics }) => (kind === client ? [statistics] : []))
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
}

const quantiles = [
  ['0.5', 'p50'],
  ['0.95', 'p95'],
  ['0.99', 'p99'],
] as const
