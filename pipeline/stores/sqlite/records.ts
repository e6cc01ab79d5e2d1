/** Reads records. Works on any database of the file, also one that cannot write. */
import type { Records } from '../../../ingress/ports.js'
import { finalStatuses, type NotificationRecord, type NotificationState } from '../../../schemas/record.js'
import type { Outcomes } from '../../../stages/dedupe/dedupe.js'
import { showRecord } from '../../../stages/record/show.js'
import type { Database } from '../../logs/sqlite/database.js'
import { readBatch } from './batch-rows.js'
import { listRecords } from './record-list.js'
import { type Row, rowColumns, stateOf } from './record-row.js'
import { readStats } from './stats.js'

export interface RecordReaderOptions {
  /** How many rows one page of a list looks at, at most. A page that has found less than its limit by then ends there,
   *  with a cursor to go on. */
  readonly rowsLookedAt?: number
}

/** Everything of `Records` that is read from the file, and what dedupe asks. */
export type RecordReader = Omit<Records, 'watch'> & Outcomes

export function recordReader(database: Database, { rowsLookedAt = 200_000 }: RecordReaderOptions = {}): RecordReader {
  return {
    get: async (tenant, id) => database.read(() => get(database, tenant, id)),
    list: async (query) => database.read(() => listRecords(database, query, rowsLookedAt)),
    batch: async (tenant, id) => database.read(() => readBatch(database, tenant, id)),
    endsOf: async (tenant, ids) => database.read(() => endsOf(database, tenant, ids)),
    stats: async (tenant) => database.read(() => readStats(database, tenant)),
  }
}

function get(database: Database, tenant: string, id: string): NotificationRecord | undefined {
  const statement = database.prepare(
    `SELECT ${rowColumns} FROM store_records r LEFT JOIN store_progress p ON p.seq = r.seq WHERE r.id = ? AND r.tenant = ?`,
  )
  statement.setReturnArrays(true)
  const row = statement.get(id, tenant) as unknown as Row | undefined
  return row && showRecord(stateOf(row))
}

function endsOf(database: Database, tenant: string, ids: readonly string[]): Map<string, NotificationState> {
  const rows = database
    .prepare('SELECT id, status FROM store_records WHERE tenant = ? AND id IN (SELECT value FROM json_each(?))')
    .all(tenant, JSON.stringify(ids)) as unknown as { id: string; status: NotificationState }[]
  return new Map(rows.flatMap(({ id, status }) => (finalStatuses.has(status) ? [[id, status]] : [])))
}
