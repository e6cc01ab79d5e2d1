/** Claims of idempotency keys where the log is not in this file; see `../claims.ts`. A claim stands among the pending
 *  ones until it is complete, then where the embedded engine's do. Several processes of one machine may share the file. */
import type { Claim } from '../../ingress/ports.js'
import { type ClaimAnswer, type Claimed, type Claims, staleMs } from '../claims.js'
import { claimWindowMs } from '../retention.js'
import type { Database } from './database.js'

interface PendingRow {
  readonly body_hash: string
  readonly answer: string
  readonly ids: string
  readonly batch_id: string | null
  readonly created_at: number
  readonly claimed_at: number
}

interface DoneRow {
  readonly body_hash: string
  readonly answer: string
  readonly created_at: number
}

export function pendingClaims(database: Database): Claims {
  const done = database.prepare('SELECT body_hash, answer, created_at FROM store_claims WHERE tenant = ? AND key = ?')
  const forget = database.prepare('DELETE FROM store_claims WHERE tenant = ? AND key = ?')
  const finish = database.prepare(
    `INSERT INTO store_claims (tenant, key, body_hash, answer, created_at)
     SELECT tenant, key, body_hash, answer, created_at FROM store_pending_claims WHERE tenant = ? AND key = ?
     ON CONFLICT DO NOTHING`,
  )
  const pending = database.prepare('SELECT * FROM store_pending_claims WHERE tenant = ? AND key = ?')
  const remove = database.prepare('DELETE FROM store_pending_claims WHERE tenant = ? AND key = ?')
  const insert = database.prepare(
    `INSERT INTO store_pending_claims (tenant, key, body_hash, answer, ids, batch_id, created_at, claimed_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const takeOver = database.prepare('UPDATE store_pending_claims SET claimed_at = ? WHERE tenant = ? AND key = ?')
  const abandon = database.prepare(
    'UPDATE store_pending_claims SET claimed_at = 0 WHERE tenant = ? AND key = ? AND claimed_at = ?',
  )
  const doneSince = (tenant: string, key: string, sinceMs: number): DoneRow | undefined => {
    const row = done.get(tenant, key) as DoneRow | undefined
    return row && row.created_at > sinceMs ? row : undefined
  }

  return {
    recall: async (tenant, key, nowMs) =>
      database.read(() => {
        const row = doneSince(tenant, key, nowMs - claimWindowMs)
        return row && { bodyHash: row.body_hash, answer: row.answer }
      }),
    claim: (tenant, claim, claimed, nowMs) => database.write(() => claimNow(tenant, claim, claimed, nowMs), true),
    complete: (tenant, key) =>
      database.write(() => {
        finish.run(tenant, key)
        remove.run(tenant, key)
      }, true),
    abandon: (tenant, key, claimedAtMs) =>
      database.write(() => {
        abandon.run(tenant, key, claimedAtMs)
      }, false),
  }

  function claimNow(tenant: string, claim: Claim, { ids, batchId }: Claimed, nowMs: number): ClaimAnswer {
    const { key, bodyHash, answer } = claim
    const sinceMs = nowMs - claimWindowMs
    const finished = doneSince(tenant, key, sinceMs)
    if (finished) {
      return finished.body_hash === bodyHash ? { kind: 'replayed', answer: finished.answer } : { kind: 'reused' }
    }
    const first = pending.get(tenant, key) as PendingRow | undefined
    if (first && first.created_at > sinceMs) {
      if (first.body_hash !== bodyHash) return { kind: 'reused' }
      if (first.claimed_at > nowMs - staleMs) return { kind: 'in-flight' }
      takeOver.run(nowMs, tenant, key)
      const before: Claimed = { ids: JSON.parse(first.ids), batchId: first.batch_id }
      return { kind: 'again', answer: first.answer, claimed: before }
    }
    forget.run(tenant, key)
    remove.run(tenant, key)
    insert.run(tenant, key, bodyHash, answer, JSON.stringify(ids), batchId, nowMs, nowMs)
    return { kind: 'accepted' }
  }
}
