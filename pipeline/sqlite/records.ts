/** Reads records. Works on any database of the file, also one that cannot write. */
import type { Page, RecordQuery, Records } from '../../ingress/ports.js'
import type { NotificationRecord } from '../../schemas/record.js'
import { showRecord } from '../../stages/record/show.js'
import { readBatch } from './batch-rows.js'
import type { Database } from './database.js'
import { cursorAt, pageOf, placeOf } from './pages.js'
import { channelBits, type Row, rareStatus, recipientHash, rowColumns, stateOf } from './record-row.js'
import { readStats } from './stats.js'

/** How many rows one page of a list looks at, at most. A page that has found less than its limit then ends there,
 *  with a cursor to go on. */
export const rowsLookedAt = 200_000

/** Everything of `Records` that is read from the file. */
export type RecordReader = Omit<Records, 'watch'>

export function recordReader(database: Database): RecordReader {
  return {
    get: async (tenant, id) => database.read(() => get(database, tenant, id)),
    list: async (query) => database.read(() => list(database, query)),
    batch: async (tenant, id) => database.read(() => readBatch(database, tenant, id)),
    stats: async (tenant) => database.read(() => readStats(database, tenant)),
  }
}

function get(database: Database, tenant: string, id: string): NotificationRecord | undefined {
  const [row] = rows(database, `${fromRecords} WHERE r.id = ? AND r.tenant = ?`, [id, tenant])
  return row && showRecord(stateOf(row))
}

/** Newest first; rows of the same millisecond in the order in which they were recorded. */
function list(database: Database, query: RecordQuery): Page<NotificationRecord> {
  const { tenant, status, channel, recipient, fromMs, toMs, limit } = query
  const asked = ['records', tenant, status, channel, recipient, fromMs, toMs]
  const after = placeOf<[number, number]>(asked, query.cursor, [0, 0])
  const way = wayFor(query)
  if (after) way.narrow('(r.created_at, r.seq) < (?, ?)', ...after)
  if (fromMs !== undefined) way.narrow('r.created_at >= ?', fromMs)
  if (toMs !== undefined) way.narrow('r.created_at < ?', toMs)
  const end = way.filters.length > 0 ? endOfWay(database, way) : undefined
  if (end) way.narrow('(r.created_at, r.seq) >= (?, ?)', ...end)
  const where = [...way.conditions, ...way.filters].join(' AND ')
  const sql = `SELECT ${rowColumns} FROM store_records r INDEXED BY ${way.index}
    LEFT JOIN store_progress p ON p.seq = r.seq WHERE ${where} ORDER BY r.created_at DESC, r.seq DESC LIMIT ?`
  const found = rows(database, sql, [...way.values, ...way.filterValues, limit + 1])
  const page = pageOf(
    found,
    limit,
    (row) => showRecord(stateOf(row)),
    ([seq, , , createdAtMs]) => cursorAt(asked, [createdAtMs, seq]),
  )
  return { data: page.data, nextCursor: page.nextCursor ?? (end ? cursorAt(asked, end) : null) }
}

const fromRecords = `SELECT ${rowColumns} FROM store_records r LEFT JOIN store_progress p ON p.seq = r.seq`

/** The way through an index: what the index itself can narrow, and what each row is filtered by. */
interface Way {
  readonly index: string
  readonly conditions: string[]
  readonly values: (string | number)[]
  readonly filters: string[]
  readonly filterValues: (string | number)[]
  narrow(condition: string, ...values: readonly number[]): void
}

function wayFor({ tenant, status, channel, recipient }: RecordQuery): Way {
  const filters: string[] = []
  const filterValues: (string | number)[] = []
  const filter = (condition: string, ...values: (string | number)[]) => {
    filters.push(condition)
    filterValues.push(...values)
  }
  const rare = status && rareStatus(status)
  const way = (index: string, condition: string, ...values: (string | number)[]): Way => {
    const conditions = [condition]
    const narrow = (also: string, ...more: readonly number[]) => {
      conditions.push(also)
      values.push(...more)
    }
    return { index, conditions, values, filters, filterValues, narrow }
  }
  if (channel !== undefined) filter('r.channels & ?', channelBits([channel]))
  if (status && (recipient !== undefined || !rare)) filter('r.status = ?', status)
  if (recipient !== undefined) {
    filter('r.tenant = ? AND r.recipient = ?', tenant, recipient)
    return way('store_records_recipient', 'r.recipient_hash = ?', recipientHash(tenant, recipient))
  }
  if (rare) return way('store_records_rare', 'r.tenant = ? AND r.rare = ?', tenant, rare)
  return way('store_records_time', 'r.tenant = ?', tenant)
}

/** The last row that one page looks at; undefined where the way ends before. It is found in the index alone. */
function endOfWay(database: Database, way: Way): [number, number] | undefined {
  const row = database
    .prepare(
      `SELECT r.created_at, r.seq FROM store_records r INDEXED BY ${way.index} WHERE ${way.conditions.join(' AND ')}
       ORDER BY r.created_at DESC, r.seq DESC LIMIT 1 OFFSET ${rowsLookedAt - 1}`,
    )
    .get(...way.values) as { created_at: number; seq: number } | undefined
  return row && [row.created_at, row.seq]
}

function rows(database: Database, sql: string, values: readonly (string | number)[]): readonly Row[] {
  const statement = database.prepare(sql)
  statement.setReturnArrays(true)
  return statement.all(...values) as unknown as Row[]
}
