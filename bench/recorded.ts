/** Watches the record store fill. */
import { Database } from '../pipeline/logs/sqlite/database.js'
import { openMongo } from '../pipeline/stores/mongodb/connection.js'
import { recordCollection } from '../pipeline/stores/mongodb/record-document.js'
import { finalStatusList } from '../pipeline/stores/sqlite/record-row.js'
import { waitForCount } from './run.js'

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
