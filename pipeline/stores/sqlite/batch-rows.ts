/** From which row to which the notifications of a batch stand. They are written together, so they are neighbours:
 *  one range instead of an index entry each. */
import type { BatchSummary } from '../../../ingress/ports.js'
import type { NotificationState } from '../../../schemas/record.js'
import { rfc3339 } from '../../../stages/record/rfc3339.js'
import type { Database } from '../../logs/sqlite/database.js'

/** Collects the ranges of one write. */
export interface BatchRows {
  add(tenant: string, batchId: string, seq: number): void
  /** Writes them; to be called in the transaction that writes the rows. */
  write(): void
}

export function batchRows(database: Database): BatchRows {
  const ranges: { tenant: string; batchId: string; first: number; last: number }[] = []
  return {
    add(tenant, batchId, seq) {
      const range = ranges.at(-1)
      if (range?.batchId === batchId && range.tenant === tenant && range.last === seq - 1) range.last = seq
      else ranges.push({ tenant, batchId, first: seq, last: seq })
    },
    write() {
      const insert = database.prepare(
        `INSERT INTO store_batches (tenant, batch_id, first_seq, last_seq) VALUES (?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET last_seq = max(last_seq, excluded.last_seq)`,
      )
      for (const { tenant, batchId, first, last } of ranges) insert.run(tenant, batchId, first, last)
      ranges.length = 0
    },
  }
}

/** How many of a batch have each status; undefined for an unknown batch. A batch has at most some thousand rows, so
 *  they are counted when asked for. */
export function readBatch(database: Database, tenant: string, batchId: string): BatchSummary | undefined {
  const rows = database
    .prepare(
      `SELECT r.status, count(*) AS count, min(r.created_at) AS created_at
       FROM store_batches b CROSS JOIN store_records r ON r.seq BETWEEN b.first_seq AND b.last_seq
       WHERE b.tenant = ?1 AND b.batch_id = ?2 AND r.tenant = ?1 AND r.batch_id = ?2
       GROUP BY r.status`,
    )
    .all(tenant, batchId) as { status: NotificationState; count: number; created_at: number }[]
  if (rows.length === 0) return undefined
  return {
    batchId,
    total: rows.reduce((sum, { count }) => sum + count, 0),
    createdAt: rfc3339(Math.min(...rows.map(({ created_at }) => created_at))),
    counts: Object.fromEntries(rows.map(({ status, count }) => [status, count])),
  }
}
