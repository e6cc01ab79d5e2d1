/** Pages and their cursors. A cursor names the last row of a page, and the query that it belongs to. */
import { createHash } from 'node:crypto'
import type { Page, RecordQuery } from '../../ingress/ports.js'
import { BadCursor } from '../../schemas/errors.js'
import type { NotificationState } from '../../schemas/record.js'

/** Where a page ended: the values it is ordered by. */
export type Place = readonly (string | number)[]

/** A cursor for the rows after `place`. `query` is what the page was asked with, without limit and cursor. */
export function cursorAt(query: readonly unknown[], place: Place): string {
  return Buffer.from(JSON.stringify([fingerprint(query), ...place])).toString('base64url')
}

/** The place that a cursor names; undefined without a cursor. Throws `BadCursor` for one that was not made by
 *  `cursorAt` for this query. `shape` has the types that a place must have. */
export function placeOf<P extends Place>(
  query: readonly unknown[],
  cursor: string | undefined,
  shape: P,
): P | undefined {
  if (cursor === undefined) return undefined
  const [owner, ...place] = parsed(cursor)
  const fits = place.length === shape.length && place.every((value, at) => typeof value === typeof shape[at])
  if (owner !== fingerprint(query) || !fits) {
    throw new BadCursor(
      'The cursor is not one of this query. Take nextCursor from the page before, and the same filters.',
    )
  }
  return place as unknown as P
}

/** A page of `limit` rows out of at most one more. */
export function pageOf<Row, T>(
  rows: readonly Row[],
  limit: number,
  show: (row: Row) => T,
  cursor: (last: Row) => string,
): Page<T> {
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return { data: shown.map(show), nextCursor: rows.length > limit && last !== undefined ? cursor(last) : null }
}

function parsed(cursor: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    return Array.isArray(value) ? value : []
  } catch {
    return []
  }
}

function fingerprint(query: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(query)).digest('base64url').slice(0, 12)
}

/** Unread messages are counted up to here. */
export const unreadCounted = 10_000

/** What a list's cursor belongs to. */
export function askedInbox(tenant: string, recipient: string): readonly string[] {
  return ['inbox', tenant, recipient]
}

/** What the places in the order of arrival belong to. */
export function askedArrivals(tenant: string, recipient: string): readonly string[] {
  return ['inbox arrivals', tenant, recipient]
}

/** What a list's cursor belongs to. */
export function askedRecords({ tenant, statuses, origin, channel, recipient, fromMs, toMs }: RecordQuery) {
  const anyOf = statuses && [...new Set(statuses)].sort()
  return ['records', tenant, anyOf, origin, channel, recipient, fromMs, toMs] as const
}

/** Statuses that most notifications have at some time. */
const commonStatuses: ReadonlySet<NotificationState> = new Set([
  'accepted',
  'processing',
  'sent',
  'simulated',
  'delivered',
])

/** Whether few records have any of these. */
export function areRare(statuses: readonly NotificationState[]): boolean {
  return !statuses.some((status) => commonStatuses.has(status))
}
