/** Adds up what librdkafka's clients of a process count, by their kind.
 *
 *  Invariant: counters only grow, though clients come and go. */
import { type ClientKind, type ClientStatistics, type KafkaObserver, statisticsEveryMs } from '../kafka/statistics.js'
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
  const stateOperation = operationTeller(metrics, 'sqlite')

  return {
    counted(client, kind, statistics) {
      count(kind, statistics, clients.get(client)?.statistics)
      const atMs = nowMs()
      clients.set(client, { kind, statistics, atMs })
      for (const [other, known] of clients) if (atMs - known.atMs > silentMs) clients.delete(other)
      measure(kind)
    },
    gone(client) {
      const known = clients.get(client)
      clients.delete(client)
      if (known) measure(known.kind)
    },
    stateWritten: (ms, failure) => stateOperation('state', ms, failure),
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
