/** The figures of a channel: what is counted when a record changes, and what is shown of the counts.
 *
 *  Latencies are counted in buckets, eight to each doubling, so a percentile is right to within 5 %. Beside them stands
 *  their sum, and how many are in it: less than all where some were counted before there was a sum. */
import type { ChannelStats } from '../../ingress/ports.js'
import { stateShown } from '../../stages/record/deliveries.js'
import type { KnownDelivery, RecordState } from '../../stages/record/state.js'

const bucketsPerDoubling = 8
/** The last bucket takes everything above 2^40 ms. */
const lastBucket = 40 * bucketsPerDoubling

export type Measure = 'sent' | 'failed' | 'simulated' | 'latency' | 'latency-sum' | 'latency-summed'

/** Something to add to a channel's counts. `bucket` is 0 but for `latency`. */
export interface Count {
  readonly channel: string
  readonly measure: Measure
  readonly bucket: number
  readonly count: number
}

/** How often latencies were in a bucket. */
export interface Bucket {
  readonly bucket: number
  readonly count: number
}

/** What is counted of a channel. */
export interface Counted {
  readonly sent: number
  readonly failed: number
  readonly simulated: number
  /** In the order of buckets. */
  readonly latencies: readonly Bucket[]
  /** In milliseconds. */
  readonly latencySum: number
  /** How many latencies are in the sum. */
  readonly latencySummed: number
}

/** What the deliveries count that ended between two states of a notification. A delivery is counted once; when a better
 *  end replaces a failure, it is counted as sent instead. */
export function countsBetween(before: RecordState | undefined, after: RecordState): readonly Count[] {
  const counts: Count[] = []
  for (const delivery of after.deliveries) {
    const old = outcomeOf(before?.deliveries.find(({ id }) => id === delivery.id))
    const outcome = outcomeOf(delivery)
    if (outcome === null || outcome === old) continue
    const { channel } = delivery
    counts.push({ channel, measure: outcome, bucket: 0, count: 1 })
    if (old !== null) counts.push({ channel, measure: old, bucket: 0, count: -1 })
    if (outcome === 'sent') {
      const ms = latencyOf(after, delivery)
      counts.push({ channel, measure: 'latency', bucket: bucketOf(ms), count: 1 })
      counts.push({ channel, measure: 'latency-sum', bucket: 0, count: ms })
      counts.push({ channel, measure: 'latency-summed', bucket: 0, count: 1 })
    }
  }
  return counts
}

export function channelStats(counted: Counted): ChannelStats {
  const { sent, failed, simulated, latencies } = counted
  return {
    sent,
    failed,
    simulated,
    successRate: sent + failed === 0 ? null : sent / (sent + failed),
    latencyMs:
      latencies.length === 0
        ? null
        : {
            mean: mean(counted),
            p50: percentile(latencies, 0.5),
            p95: percentile(latencies, 0.95),
            p99: percentile(latencies, 0.99),
          },
  }
}

/** Exact where all are in the sum, else by the middles of the buckets; in milliseconds. */
function mean({ latencies, latencySum, latencySummed }: Counted): number {
  const total = latencies.reduce((sum, { count }) => sum + count, 0)
  if (latencySummed === total) return latencySum / total
  return latencies.reduce((sum, { bucket, count }) => sum + count * middleOf(bucket), 0) / total
}

/** What an ended delivery counts as; null for one that is under way, or was not to be sent in the end. */
function outcomeOf(delivery: KnownDelivery | undefined): 'sent' | 'failed' | 'simulated' | null {
  if (!delivery?.final) return null
  const state = stateShown(delivery)
  if (state === 'sent' || state === 'delivered') return 'sent'
  return state === 'failed' || state === 'simulated' ? state : null
}

/** From acceptance, or from sendAt where that was later, to the provider's answer; in milliseconds. */
function latencyOf({ summary, firstAtMs }: RecordState, { attempts, atMs }: KnownDelivery): number {
  const startMs = Math.max(summary?.acceptedAtMs ?? firstAtMs, summary?.sendAtMs ?? 0)
  const call = attempts.at(-1)
  return Math.max(0, (call ? call.atMs + call.latencyMs : atMs) - startMs)
}

/** Bucket n holds what is at most 2^(n/8) - 1. */
function bucketOf(ms: number): number {
  return Math.min(lastBucket, Math.ceil(Math.log2(ms + 1) * bucketsPerDoubling))
}

/** The middle of the bucket that holds the share's last value, in milliseconds. */
function percentile(buckets: readonly Bucket[], share: number): number {
  const total = buckets.reduce((sum, { count }) => sum + count, 0)
  let seen = 0
  for (const { bucket, count } of buckets) {
    seen += count
    if (seen >= total * share) return middleOf(bucket)
  }
  return 0
}

/** In whole milliseconds. */
function middleOf(bucket: number): number {
  return Math.max(0, Math.round(2 ** ((bucket - 0.5) / bucketsPerDoubling) - 1))
}
