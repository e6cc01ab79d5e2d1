/** Counts and latencies by channel, kept up to date while records are merged, so that reading them is cheap. */
import type { ChannelStats } from '../../../ingress/ports.js'
import type { RecordState } from '../../../stages/record/state.js'
import type { Database } from '../../logs/sqlite/database.js'
import { channelStats, countsBetween, type Measure } from '../channel-figures.js'

/** What one group of merges adds. */
export interface StatsTally {
  /** Counts the deliveries that ended between two states of a notification: see `countsBetween`. */
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
      for (const { channel, measure, bucket, count } of countsBetween(before, after)) {
        add(after.tenant, channel, measure, bucket, count)
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
      const counted = {
        sent: total('sent'),
        failed: total('failed'),
        simulated: total('simulated'),
        latencies: counts.filter(({ measure }) => measure === 'latency'),
        latencySum: total('latency-sum'),
        latencySummed: total('latency-summed'),
      }
      return [channel, channelStats(counted)]
    }),
  )
}
