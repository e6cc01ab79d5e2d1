/** Removes what is old, in bites, so that nobody waits for it. */

import type { Database } from '../../logs/sqlite/database.js'
import { removeSpans } from '../../logs/sqlite/spans.js'
import { claimWindowMs, type Retention } from '../retention.js'
import { finalStatusList } from './record-row.js'

/** Rows that one call removes of each kind, at most. */
export const biteRows = 500

/** To be called inside `Database.write`, now and then. Returns how many old rows it met: 0 when there are no more. */
export type Prune = (nowMs: number) => number

/** Each kind but records is written in the order of the time that it goes by, or nearly, so each bite is taken from the
 *  oldest rows: no index is needed. */
export function retention(database: Database, { recordsMs, inboxMs, deadLettersMs, outboxRows }: Retention): Prune {
  const removeOld = (table: string, column: string) =>
    database.prepare(
      `DELETE FROM ${table} WHERE seq IN (SELECT seq FROM ${table} ORDER BY seq LIMIT ${biteRows}) AND ${column} < ?`,
    )
  const claims = removeOld('store_claims', 'created_at')
  const pending = database.prepare('DELETE FROM store_pending_claims WHERE created_at < ?')
  const inbox = removeOld('store_inbox', 'coalesce(arrived_at, accepted_at)')
  const deadLetters = removeOld('store_dead_letters', 'at')
  const outbox = database.prepare(
    `DELETE FROM store_outbox WHERE seq IN (
       SELECT seq FROM store_outbox WHERE seq <= (SELECT max(seq) FROM store_outbox) - ? ORDER BY seq LIMIT ${biteRows})`,
  )
  const records = recordRetention(database)
  return (nowMs) =>
    claims.run(nowMs - claimWindowMs).changes +
    pending.run(nowMs - claimWindowMs).changes +
    inbox.run(nowMs - inboxMs).changes +
    deadLetters.run(nowMs - deadLettersMs).changes +
    outbox.run(outboxRows).changes +
    records(nowMs - recordsMs)
}

function recordRetention(database: Database): (beforeMs: number) => number {
  /** Everything up to here was looked at in this round; what stays is looked at in the next. A round ends where rows are
   *  too young to have ended long ago, for rows are written in the order of acceptance, or nearly. */
  let lookedAt = 0
  const old = database.prepare(
    `SELECT seq, tenant, batch_id,
       status IN (${finalStatusList}) AND coalesce(ended_at, created_at) < ? AS gone
     FROM (SELECT * FROM store_records WHERE seq > ? ORDER BY seq LIMIT ${biteRows})
     WHERE created_at < ?`,
  )
  const removeRecord = database.prepare('DELETE FROM store_records WHERE seq = ?')
  const removeProgress = database.prepare('DELETE FROM store_progress WHERE seq = ?')
  const removeBatch = database.prepare(
    `DELETE FROM store_batches WHERE tenant = ? AND batch_id = ?
     AND NOT EXISTS (SELECT 1 FROM store_records WHERE seq BETWEEN first_seq AND last_seq)`,
  )
  return (beforeMs) => {
    const found = old.all(beforeMs, lookedAt, beforeMs) as unknown as OldRecord[]
    const batches = new Map<string, OldRecord>()
    for (const record of found) {
      if (record.gone === 0) continue
      removeRecord.run(record.seq)
      removeProgress.run(record.seq)
      if (record.batch_id !== null) batches.set(`${record.batch_id} ${record.tenant}`, record)
    }
    for (const { tenant, batch_id } of batches.values()) removeBatch.run(tenant, batch_id)
    if (found.length > 0) removeSpans(database)
    lookedAt = found.at(-1)?.seq ?? 0
    return found.length
  }
}

interface OldRecord {
  readonly seq: number
  readonly tenant: string
  readonly batch_id: string | null
  readonly gone: 0 | 1
}
