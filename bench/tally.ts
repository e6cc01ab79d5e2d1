/** Waits until a run has ended, and counts what it lost and did twice: at the stub provider, in each topic and in the
 *  record store. */

import { Database } from '../pipeline/logs/sqlite/database.js'
import { openMongo } from '../pipeline/stores/mongodb/connection.js'
import { recordCollection } from '../pipeline/stores/mongodb/record-document.js'
import { finalStatusList } from '../pipeline/stores/sqlite/record-row.js'
import type { StreamName } from '../schemas/streams.js'
import { benchChannels, deliveryKey } from './notifications.js'
import type { Place } from './place.js'
import { waitForCount } from './run.js'
import type { StubReport } from './stub-provider.js'
import { idsOn } from './topic-events.js'

export interface Tally {
  /** Notifications accepted that are missing in at least one place. */
  readonly lost: number
  /** Calls, and records of topics, that stand for none or for one that was there before; of all places. */
  readonly duplicates: number
  /** The same by place. */
  readonly places: readonly { readonly name: string; readonly missing: number; readonly extra: number }[]
}

/** What a run should have brought. */
export interface Expected {
  /** Written to notifications.requested. */
  readonly accepted: readonly string[]
  /** Written behind it, to notifications.accepted; none unless said. */
  readonly probes?: readonly string[]
}

/** Each must hold every notification exactly once. */
const counted = [
  'notifications.requested',
  'notifications.accepted',
  'notifications.rendered',
  'deliveries.routed',
  'deliveries.released',
] as const satisfies readonly StreamName[]

/** Of a Carillon whose engine has closed. What is wrong keeps the place. */
export async function tallyRun(
  place: Place,
  { accepted, probes = [] }: Expected,
  reports: readonly StubReport[],
  ended: readonly string[],
): Promise<Tally> {
  const tally = tallyOf([...accepted, ...probes])
  const keys = reports.flatMap(({ firstAtMs }) => [...firstAtMs.keys()])
  const repeats = reports.reduce((sum, report) => sum + report.repeats, 0)
  tally.count('stub provider', keys.map(notificationOf), repeats)
  // The probes have gone past the first topic.
  await countTopics(tally, place, (requested) => [...requested, ...probes])
  tally.count('record store', ended)
  const total = tally.total()
  if (total.lost > 0 || total.duplicates > 0) place.keep()
  return total
}

/** Of the topics alone. A request whose answer was lost is asked again, so the first one may hold duplicates: dedupe drops
 *  them. */
export async function tallyTopics(place: Place, accepted: readonly string[]): Promise<Tally> {
  const tally = tallyOf(accepted)
  await countTopics(tally, place, (requested) => new Set(requested))
  return tally.total()
}

async function countTopics(
  tally: ReturnType<typeof tallyOf>,
  place: Place,
  ofRequested: (ids: readonly string[]) => Iterable<string>,
): Promise<void> {
  for (const topic of counted) {
    const ids = await idsOn(place, topic)
    tally.count(topic, topic === 'notifications.requested' ? ofRequested(ids) : ids)
  }
}

/** Compares places with what was accepted. */
export function tallyOf(accepted: readonly string[]) {
  const lost = new Set<string>()
  const places: Tally['places'][number][] = []
  return {
    /** `repeats`: what stood there a second time and is not among `ids`. */
    count(name: string, ids: Iterable<string>, repeats = 0): void {
      const missing = new Set(accepted)
      let extra = repeats
      for (const id of ids) if (!missing.delete(id)) extra++
      for (const id of missing) lost.add(id)
      places.push({ name, missing: missing.size, extra })
    },
    total: (): Tally => ({
      lost: lost.size,
      duplicates: places.reduce((sum, { extra }) => sum + extra, 0),
      places,
    }),
  }
}

/** The notification whose delivery the provider was called for; the key itself where it is none of the bench's. */
function notificationOf(key: string): string {
  const id = key.slice(0, key.indexOf('.'))
  return benchChannels.some((channel) => deliveryKey(id, channel) === key) ? id : key
}

/** Records that have ended. */
export interface Ended {
  /** How many there are; at times fewer than there are, until all have ended. */
  count(): Promise<number>
  ids(): Promise<readonly string[]>
  close(): Promise<void>
}

/** Resolves with the time on the monotonic clock when the first `count` records have ended; when nothing moves any
 *  more, with the time of the last move. Its patience is longer than a breaker is open, and than a dead session lasts. */
export async function allEnded(
  store: Pick<Ended, 'count'>,
  count: number,
  progress?: (ended: number) => void,
): Promise<number> {
  return (await waitForCount(store.count, count, { progress })).movedMs
}

/** Over a connection that only reads. */
export function endedInSqlite(databaseFile: string): Ended {
  const database = new Database(databaseFile, { readOnly: true })
  // Rows are numbered from 1 in the order of acceptance: each look begins where the last one met an open one.
  const firstOpen = database.prepare(
    `SELECT seq FROM store_records WHERE seq > ? AND status NOT IN (${finalStatusList}) ORDER BY seq LIMIT 1`,
  )
  const last = database.prepare('SELECT coalesce(max(seq), 0) AS seq FROM store_records')
  const all = database.prepare(`SELECT id FROM store_records WHERE status IN (${finalStatusList})`)
  let ended = 0
  return {
    async count() {
      // Asked first: what comes between the two questions is counted the next time.
      const { seq } = last.get() as { seq: number }
      const open = firstOpen.get(ended) as { seq: number } | undefined
      ended = open ? Math.min(seq, open.seq - 1) : seq
      return ended
    },
    ids: async () => all.all().map((row) => (row as unknown as { id: string }).id),
    close: async () => database.close(),
  }
}

/** In a database that nobody else uses. */
export function endedInMongo(url: string): Ended {
  const mongo = openMongo({ url, answerTimeoutMs: 30_000 })
  const records = mongo.collection<{ id: string; endedFrom?: Date }>(recordCollection)
  const ended = { endedFrom: { $exists: true } }
  return {
    count: () => mongo.run('count records', () => records.countDocuments(ended)),
    ids: () => mongo.run('read records', async () => (await records.find(ended).toArray()).map(({ id }) => id)),
    close: () => mongo.close(),
  }
}
