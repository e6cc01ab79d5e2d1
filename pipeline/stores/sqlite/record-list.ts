/** The list of records: newest first; rows of the same millisecond in the order in which they were recorded. */
import type { Page, RecordQuery } from '../../../ingress/ports.js'
import type { NotificationRecord } from '../../../schemas/record.js'
import { showRecord } from '../../../stages/record/show.js'
import type { Database } from '../../logs/sqlite/database.js'
import { type Place, type Span, spanBits, spanRows, spansWithin } from '../../logs/sqlite/spans.js'
import { areRare, askedRecords, cursorAt, pageOf, placeOf } from '../pages.js'
import { channelBits, type Row, recipientHash, rowColumns, stateOf } from './record-row.js'

/** Looks at `rowsLookedAt` rows, or a span more. A page that has found less than its limit by then ends there, with a
 *  cursor to go on. */
export function listRecords(database: Database, query: RecordQuery, rowsLookedAt: number): Page<NotificationRecord> {
  const { toMs, fromMs, limit, cursor } = query
  const asked = askedRecords(query)
  const before: Place = placeOf<[number, number]>(asked, cursor, [0, 0]) ?? [toMs ?? latestMs, 0]
  const spans = spansWithin(database, fromMs ?? -latestMs, before)
  const { rows, end } = walk(spans, { before, limit: limit + 1, rowsLookedAt }, spanReader(database, query, before))
  const page = pageOf(
    rows,
    limit,
    (row) => showRecord(stateOf(row)),
    (row) => cursorAt(asked, placeOfRow(row)),
  )
  return { data: page.data, nextCursor: page.nextCursor ?? (end && cursorAt(asked, end)) }
}

/** Later than any time. */
const latestMs = Number.MAX_SAFE_INTEGER

interface Bounds {
  readonly before: Place
  readonly limit: number
  readonly rowsLookedAt: number
}

/** A span's newest rows that match, at most `limit`, and how many rows were looked at. */
type ReadSpan = (span: number, limit: number) => { readonly rows: readonly Row[]; readonly lookedAt: number }

/** The newest rows of all spans. `end`: the walk was cut short, and gives only the rows before which none can be missing;
 *  the others are found from there on. Spans that the page before has seen do not count, so each page gets further. */
function walk(spans: readonly Span[], { before, limit, rowsLookedAt }: Bounds, read: ReadSpan) {
  let rows: readonly Row[] = []
  let lookedAt = 0
  for (const { span, newest } of spans) {
    const highest: Place = [newest, (span + 1) * spanRows]
    const last = rows[limit - 1]
    if (last && comparePlaces(placeOfRow(last), highest) >= 0) break
    if (lookedAt >= rowsLookedAt) {
      return { rows: rows.filter((row) => comparePlaces(placeOfRow(row), highest) >= 0), end: highest }
    }
    const found = read(span, limit)
    if (comparePlaces(highest, before) <= 0) lookedAt += found.lookedAt
    if (found.rows.length > 0) rows = [...rows, ...found.rows].sort(newestFirst).slice(0, limit)
  }
  return { rows, end: null }
}

function placeOfRow([seq, , , createdAtMs]: Row): Place {
  return [createdAtMs, seq]
}

function comparePlaces(a: Place, b: Place): number {
  return a[0] - b[0] || a[1] - b[1]
}

function newestFirst(a: Row, b: Row): number {
  return comparePlaces(placeOfRow(b), placeOfRow(a))
}

/** Reads one span, by an index where there is one for the query. */
function spanReader(database: Database, query: RecordQuery, before: Place): ReadSpan {
  const { find, values, exact } = wayOf(query)
  const filters = filtersOf(query, before)
  const where = [find, ...filters.map(([condition]) => condition)].join(' AND ')
  const filterValues = filters.flatMap(([, ...rest]) => rest)
  const select = database.prepare(
    `SELECT ${rowColumns} FROM (
       SELECT k.seq FROM store_records k WHERE ${where} ORDER BY k.created_at DESC, k.seq DESC LIMIT ?) found
     CROSS JOIN store_records r ON r.seq = found.seq LEFT JOIN store_progress p ON p.seq = r.seq`,
  )
  select.setReturnArrays(true)
  const count = database.prepare(`SELECT count(*) AS rows FROM store_records k WHERE ${find}`)
  return (span, limit) => {
    const rows = select.all(...values(span), ...filterValues, limit) as unknown as Row[]
    if (exact || rows.length === limit) return { rows, lookedAt: rows.length }
    const { rows: lookedAt } = count.get(...values(span)) as { rows: number }
    return { rows, lookedAt }
  }
}

/** What finds rows in a span. */
interface Topic {
  readonly find: string
  readonly values: (span: number) => readonly (string | number)[]
  /** True: nearly all that it finds matches. */
  readonly exact: boolean
}

function wayOf({ tenant, statuses, origin, channel, recipient }: RecordQuery): Topic {
  const others = origin !== undefined || channel !== undefined
  if (recipient !== undefined) {
    const hash = recipientHash(tenant, recipient)
    const find = `(k.seq >> ${spanBits}) = ? AND k.recipient_hash = ?`
    return { find, values: (span) => [span, hash], exact: statuses === undefined && !others }
  }
  if (statuses && areRare(statuses)) {
    const find = `(k.seq >> ${spanBits}) = ? AND k.rare IN (${placesFor(statuses)})`
    return { find, values: (span) => [span, ...statuses], exact: !others }
  }
  return { find: 'k.seq BETWEEN ? AND ?', values: (span) => [span * spanRows, (span + 1) * spanRows - 1], exact: false }
}

type Filter = readonly [condition: string, ...values: (string | number)[]]

function filtersOf(query: RecordQuery, before: Place): readonly Filter[] {
  const { tenant, statuses, origin, channel, recipient, fromMs } = query
  const filters: Filter[] = [
    ['k.tenant = ?', tenant],
    ['(k.created_at, k.seq) < (?, ?)', ...before],
  ]
  if (fromMs !== undefined) filters.push(['k.created_at >= ?', fromMs])
  if (statuses !== undefined) filters.push([`k.status IN (${placesFor(statuses)})`, ...statuses])
  if (origin !== undefined) filters.push(['k.origin = ?', origin])
  if (channel !== undefined) filters.push(['k.channels & ?', channelBits([channel])])
  if (recipient !== undefined) filters.push(['k.recipient = ?', recipient])
  return filters
}

function placesFor(values: readonly unknown[]): string {
  return values.map(() => '?').join(', ')
}
