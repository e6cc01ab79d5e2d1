/** Counts and latencies by channel: one document for each tenant and channel, kept up to date by increments.
 *
 *  Invariants: an increment counts once, however often its write is tried, for the document knows the last writes that
 *  it took. It is made by whoever won the write that ended the deliveries, so it is made once; what a process had not
 *  written yet when it was killed is missing from the figures, though not from the records. */
import { randomUUID } from 'node:crypto'
import type { ChannelStats } from '../../../ingress/ports.js'
import type { RecordState } from '../../../stages/record/state.js'
import { channelStats, countsBetween } from '../channel-figures.js'
import type { Mongo } from './connection.js'
import { documentId, inserted } from './documents.js'

export const statsCollection = 'stats'

interface StatsDocument {
  readonly _id: string
  readonly tenant: string
  readonly channel: string
  readonly sent?: number
  readonly failed?: number
  readonly simulated?: number
  /** By bucket. */
  readonly latency?: Readonly<Record<string, number>>
  readonly 'latency-sum'?: number
  readonly 'latency-summed'?: number
  /** The last writes that are in it. */
  readonly writes: readonly string[]
}

/** Writes that a document remembers: more than others make while one is tried again. */
const writesRemembered = 200

export interface StatsTally {
  /** Counts the deliveries that ended between two states of a notification: see `countsBetween`. */
  count(before: RecordState | undefined, after: RecordState): void
  /** Writes what was counted. After a rejection the rest is kept for the next call. */
  write(): Promise<void>
}

interface Increment {
  readonly tenant: string
  readonly channel: string
  /** By field. */
  readonly by: Map<string, number>
}

export function statsTally(mongo: Mongo): StatsTally {
  const stats = mongo.collection<StatsDocument>(statsCollection)
  let open = new Map<string, Increment>()
  /** What is being written: nothing is added to it, for part of it may count already. */
  let closed: { readonly write: string; readonly increments: Map<string, Increment> } | null = null
  let writing: Promise<void> = Promise.resolve()

  return {
    count(before, after) {
      const { tenant } = after
      for (const { channel, measure, bucket, count } of countsBetween(before, after)) {
        const id = documentId(tenant, channel)
        const increment = open.get(id) ?? { tenant, channel, by: new Map<string, number>() }
        const field = measure === 'latency' ? `latency.${bucket}` : measure
        increment.by.set(field, (increment.by.get(field) ?? 0) + count)
        open.set(id, increment)
      }
    },
    write() {
      const next = writing.then(drain, drain)
      writing = next.catch(() => {})
      return next
    },
  }

  async function drain(): Promise<void> {
    while (closed || open.size > 0) {
      closed ??= { write: randomUUID(), increments: open }
      if (closed.increments === open) open = new Map()
      const { write, increments } = closed
      await mongo.run('count deliveries', async () => {
        for (const [id, increment] of increments) await add(id, increment, write)
      })
      closed = null
    }
  }

  async function add(_id: string, { tenant, channel, by }: Increment, write: string): Promise<void> {
    const $inc = Object.fromEntries(by)
    const update = { $inc, $push: { writes: { $each: [write], $slice: -writesRemembered } } }
    const added = async () => (await stats.updateOne({ _id, writes: { $ne: write } }, update)).matchedCount > 0
    if (await added()) return
    // It is there with this write in it, or it is not there yet, or it has come to be there just now.
    await inserted(stats.insertOne({ _id, tenant, channel, writes: [] }))
    await added()
  }
}

/** By channel, of everything since the database was made. */
export async function readStats(mongo: Mongo, tenant: string): Promise<Readonly<Record<string, ChannelStats>>> {
  const found = await mongo.run('read the figures', () =>
    mongo
      .collection<StatsDocument>(statsCollection)
      .find({ tenant }, { projection: { writes: 0 } })
      .sort({ channel: 1 })
      .toArray(),
  )
  return Object.fromEntries(
    found.map(({ channel, sent = 0, failed = 0, simulated = 0, latency = {}, ...sums }) => {
      const { 'latency-sum': latencySum = 0, 'latency-summed': latencySummed = 0 } = sums
      const buckets = Object.entries(latency).map(([bucket, count]) => ({ bucket: Number(bucket), count }))
      const latencies = buckets.sort((a, b) => a.bucket - b.bucket)
      return [channel, channelStats({ sent, failed, simulated, latencies, latencySum, latencySummed })]
    }),
  )
}
