/** Spans of neighbouring rows of `store_records`, and from when to when their rows are.
 *
 *  Rows are written nearly in order of time, so few spans overlap: a list by time takes span after span, and needs no
 *  index by time. */
import type { Database } from './database.js'

/** A span is what its rows' numbers have in common above this many bits: 4,096 rows. */
export const spanBits = 12
export const spanRows = 2 ** spanBits

/** Collects the times of rows that are written. */
export interface SpanTimes {
  add(seq: number, createdAtMs: number): void
  /** To be called in the transaction that writes the rows. */
  write(): void
}

export function spanTimes(database: Database): SpanTimes {
  const spans = new Map<number, { oldest: number; newest: number }>()
  return {
    add(seq, createdAtMs) {
      const number = Math.floor(seq / spanRows)
      const span = spans.get(number)
      if (!span) spans.set(number, { oldest: createdAtMs, newest: createdAtMs })
      else if (createdAtMs < span.oldest) span.oldest = createdAtMs
      else if (createdAtMs > span.newest) span.newest = createdAtMs
    },
    write() {
      const upsert = database.prepare(
        `INSERT INTO store_spans (span, oldest, newest) VALUES (?, ?, ?) ON CONFLICT DO UPDATE
         SET oldest = min(oldest, excluded.oldest), newest = max(newest, excluded.newest)`,
      )
      for (const [number, { oldest, newest }] of spans) upsert.run(number, oldest, newest)
      spans.clear()
    },
  }
}

export interface Span {
  readonly span: number
  /** No row of it is newer. */
  readonly newest: number
}

/** Creation time and row number: what lists are ordered by. */
export type Place = readonly [createdAtMs: number, seq: number]

/** Spans that may have rows of `fromMs` and later that stand below `before`; in the order of the highest place that a row
 *  of theirs can have, highest first. */
export function spansWithin(database: Database, fromMs: number, before: Place): readonly Span[] {
  return database
    .prepare(
      `SELECT span, newest FROM store_spans WHERE newest >= ? AND (oldest, span << ${spanBits}) < (?, ?)
       ORDER BY newest DESC, span DESC`,
    )
    .all(fromMs, ...before) as unknown as Span[]
}

/** Forgets the spans before the oldest row. */
export function removeSpans(database: Database): void {
  database.prepare(`DELETE FROM store_spans WHERE span < (SELECT min(seq) >> ${spanBits} FROM store_records)`).run()
}
