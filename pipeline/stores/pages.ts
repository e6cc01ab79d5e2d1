/** Pages and their cursors. A cursor names the last row of a page, and the query that it belongs to. */
import { createHash } from 'node:crypto'
import type { Page } from '../../ingress/ports.js'
import { BadCursor } from '../../schemas/errors.js'

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
