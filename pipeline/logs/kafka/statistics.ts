/** What librdkafka counts in each of its clients: https://github.com/confluentinc/librdkafka/blob/master/STATISTICS.md
 *
 *  Invariant: only a client that is polled for as long as it lives is asked for statistics. librdkafka lays them in the
 *  queue of what a poll brings, without a bound. */

/** `producer` writes; `consumer` reads records; `member` keeps a place in a consumer group and reads none. */
export type ClientKind = 'producer' | 'consumer' | 'member'

/** Counts are since the client was made. */
export interface ClientStatistics {
  readonly queuedMessages: number
  readonly queuedBytes: number
  /** Fetched ahead, and not consumed yet. */
  readonly fetchedMessages: number
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly failedRequests: number
  readonly timedOutRequests: number
  /** Ids of brokers with a connection. */
  readonly brokersUp: readonly number[]
  /** Round trips to the slowest broker since the statistics before, in seconds; null where there were none. */
  readonly roundTrip: { readonly p50: number; readonly p95: number; readonly p99: number } | null
}

/** Told of what the Kafka log does beside its work. */
export interface KafkaObserver {
  /** What a client has counted, every `statisticsEveryMs`. */
  counted(client: object, kind: ClientKind, statistics: ClientStatistics): void
  /** The client is gone. */
  gone(client: object): void
  /** Local state was written in so many milliseconds. `failure`: the error's code, null where it went well. */
  stateWritten(ms: number, failure: string | null): void
}

/** A client with 40 topics of 8 partitions tells 300 kB, which take 2.5 ms of processor time, reading them included. */
export const statisticsEveryMs = 15_000

interface Broker {
  readonly nodeid?: number
  readonly source?: string
  readonly state?: string
  readonly txerrs?: number
  readonly rxerrs?: number
  readonly req_timeouts?: number
  /** In microseconds. */
  readonly rtt?: { readonly cnt: number; readonly p50: number; readonly p95: number; readonly p99: number }
}

interface Told {
  readonly msg_cnt?: number
  readonly msg_size?: number
  readonly tx_bytes?: number
  readonly rx_bytes?: number
  readonly brokers?: Readonly<Record<string, Broker>>
  readonly topics?: Readonly<Record<string, { readonly partitions?: Readonly<Record<string, Partition>> }>>
}

interface Partition {
  readonly fetchq_cnt?: number
}

/** Reads one client's statistics as librdkafka writes them. Null where that is not JSON: it does not escape the names in
 *  them. */
export function parseStatistics(json: string): ClientStatistics | null {
  const told = parsed(json)
  if (told === null) return null
  const brokers = Object.values(told.brokers ?? {})
  const partitions = Object.values(told.topics ?? {}).flatMap((topic) => Object.values(topic.partitions ?? {}))
  return {
    queuedMessages: told.msg_cnt ?? 0,
    queuedBytes: told.msg_size ?? 0,
    fetchedMessages: sum(partitions.map(({ fetchq_cnt }) => fetchq_cnt)),
    sentBytes: told.tx_bytes ?? 0,
    receivedBytes: told.rx_bytes ?? 0,
    failedRequests: sum(brokers.flatMap(({ txerrs, rxerrs }) => [txerrs, rxerrs])),
    timedOutRequests: sum(brokers.map(({ req_timeouts }) => req_timeouts)),
    brokersUp: brokers.flatMap(({ nodeid = -1, source, state }) =>
      // The coordinator of a group has an entry of its own beside its broker's.
      nodeid >= 0 && source !== 'logical' && state === 'UP' ? [nodeid] : [],
    ),
    roundTrip: slowest(brokers),
  }
}

function parsed(json: string): Told | null {
  try {
    return JSON.parse(json) as Told
  } catch {
    return null
  }
}

function slowest(brokers: readonly Broker[]): ClientStatistics['roundTrip'] {
  const seen = brokers.flatMap(({ rtt }) => (rtt && rtt.cnt > 0 ? [rtt] : []))
  if (seen.length === 0) return null
  const most = (quantile: 'p50' | 'p95' | 'p99') => Math.max(...seen.map((rtt) => rtt[quantile])) / 1e6
  return { p50: most('p50'), p95: most('p95'), p99: most('p99') }
}

function sum(numbers: readonly (number | undefined)[]): number {
  return numbers.reduce<number>((total, number = 0) => total + number, 0)
}
