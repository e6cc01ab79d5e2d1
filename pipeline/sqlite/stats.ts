/** Counts and latencies by channel, kept up to date while records are merged, so that reading them is cheap.
 *
 *  Latencies are counted in buckets, eight to each doubling, so a percentile is right to within 5 %. */
import type { ChannelStats } from '../../ingress/ports.js'
import type { KnownDelivery, RecordState } from '../../stages/record/state.js'
import type { Database } from './database.js'

const bucketsPerDoubling = 8
/** The last bucket takes everything above 2^40 ms. */
const lastBucket = 40 * bucketsPerDoubling

type Measure = 'sent' | 'failed' | 'latency'

/** What one group of merges adds. */
export interface StatsTally {
  /** Counts the deliveries that ended between two states of a notification. A delivery is counted once; when a better
   *  end replaces a failure, it is counted as sent instead. */
  count(before: RecordState | undefined, after: RecordState): void
  /** Writes what was counted; to be called in the transaction that writes the records. */
  write(): void
}

export function statsTally(database: Database): StatsTally {
  const rows = new Map<string, [string, string, Measure, number, number]>()
  const add = (tenant: string, channel: string, measure: Measure, bucket: number, count: number) => {
    const key = `${channel} ${measure} ${bucket} ${tenant}`
    const row = rows.get(key)
    if (row) row[4] += count
    else rows.set(key, [tenant, channel, measure, bucket, count])
  }
  return {
    count(before, after) {
      for (const delivery of after.deliveries) {
        const old = outcomeOf(before?.deliveries.find(({ id }) => id === delivery.id))
        const outcome = outcomeOf(delivery)
        if (outcome === null || outcome === old) continue
        add(after.tenant, delivery.channel, outcome, 0, 1)
        if (old !== null) add(after.tenant, delivery.channel, old, 0, -1)
        if (outcome === 'sent') add(after.tenant, delivery.channel, 'latency', bucketOf(latencyOf(after, delivery)), 1)
      }
    },
    write() {
      const upsert = database.prepare(
        `INSERT INTO store_stats (tenant, channel, measure, bucket, count) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET count = count + excluded.count`,
      )
      for (const row of rows.values()) upsert.run(...row)
      rows.clear()
    },
  }
}

/** By channel, of everything since the file was made. */
export function readStats(database: Database, tenant: string): Readonly<Record<string, ChannelStats>> {
  const rows = database
    .prepare(
      'SELECT channel, measure, bucket, count FROM store_stats WHERE tenant = ? ORDER BY channel, measure, bucket',
    )
    .all(tenant) as { channel: string; measure: Measure; bucket: number; count: number }[]
  const channels = new Map<string, typeof rows>()
  for (const row of rows) channels.set(row.channel, [...(channels.get(row.channel) ?? []), row])
  return Object.fromEntries(
    [...channels].map(([channel, counts]) => {
      const total = (measure: Measure) => counts.find((row) => row.measure === measure)?.count ?? 0
      const latencies = counts.filter(({ measure }) => measure === 'latency')
      return [channel, channelStats(total('sent'), total('failed'), latencies)]
    }),
  )
}

type Buckets = readonly { readonly bucket: number; readonly count: number }[]

function channelStats(sent: number, failed: number, latencies: Buckets): ChannelStats {
  return {
    sent,
    failed,
    successRate: sent + failed === 0 ? null : sent / (sent + failed),
    latencyMs:
      latencies.length === 0
        ? null
        : { p50: percentile(latencies, 0.5), p95: percentile(latencies, 0.95), p99: percentile(latencies, 0.99) },
  }
}

/** What an ended delivery counts as; null for one that is under way, or was not to be sent in the end. */
function outcomeOf(delivery: KnownDelivery | undefined): 'sent' | 'failed' | null {
  if (!delivery?.final) return null
  if (delivery.status === 'sent' || delivery.status === 'delivered') return 'sent'
  return delivery.status === 'failed' ? 'failed' : null
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
function percentile(buckets: Buckets, share: number): number {
  const total = buckets.reduce((sum, { count }) => sum + count, 0)
  let seen = 0
  for (const { bucket, count } of buckets) {
    seen += count
    if (seen >= total * share) return Math.max(0, Math.round(2 ** ((bucket - 0.5) / bucketsPerDoubling) - 1))
  }
  return 0
}
