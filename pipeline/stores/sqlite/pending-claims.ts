/** Claims of idempotency keys where the log is not in this file; see `../claims.ts`. A claim stands among the pending
 *  ones until it is complete, then where the embedded engine's do. Several processes of one machine may share the file. */
import type { Claim } from '../../../ingress/ports.js'
import type { Database } from '../../logs/sqlite/database.js'
import { type ClaimAnswer, type Claimed, type Claims, pendingMs, takeOverMs, windowOf } from '../claims.js'
import { answerFrom, type ClaimRow, heldClaim } from './claims.js'

interface PendingRow extends ClaimRow {
  readonly ids: string
  readonly batch_id: string | null
  readonly created_at: number
  readonly claimed_at: number
  readonly window_ms: number
}

export function pendingClaims(database: Database): Claims {
  const done = database.prepare(heldClaim)
  const forget = database.prepare('DELETE FROM store_claims WHERE tenant = ? AND key = ?')
  const finish = database.prepare(
    `INSERT INTO store_claims (tenant, key, body_hash, answer, created_at, window_ms)
     SELECT tenant, key, body_hash, answer, created_at, window_ms FROM store_pending_claims WHERE tenant = ? AND key = ?
     ON CONFLICT DO NOTHING`,
  )
  const pending = database.prepare('SELECT * FROM store_pending_claims WHERE tenant = ? AND key = ?')
  const remove = database.prepare('DELETE FROM store_pending_claims WHERE tenant = ? AND key = ?')
  const insert = database.prepare(
    `INSERT INTO store_pending_claims
       (tenant, key, body_hash, answer, ids, batch_id, created_at, claimed_at, window_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const restoreState = database.prepare('UPDATE store_pending_claims SET claimed_at = ? WHERE tenant = ? AND key = ?')
  const abandon = database.prepare(
    'UPDATE store_pending_claims SET claimed_at = 0 WHERE tenant = ? AND key = ? AND claimed_at = ?',
  )

  return {
    recall: async (tenant, key, nowMs) =>
      database.read(() => {
        const row = done.get(tenant, key, nowMs) as ClaimRow | undefined
        return row && { bodyHash: row.body_hash, answer: row.answer }
      }),
    claim: (tenant, claim, claimed, nowMs) => database.write(() => claimNow(tenant, claim, claimed, nowMs), true),
    complete: (tenant, key) =>
      database.write(() => {
        finish.run(tenant, key)
        return remove.run(tenant, key).changes > 0
      }, true),
    abandon: (tenant, key, claimedAtMs) =>
      database.write(() => {
        abandon.run(tenant, key, claimedAtMs)
      }, false),
  }

  function claimNow(tenant: string, claim: Claim, { ids, batchId }: Claimed, nowMs: number): ClaimAnswer {
    const { key, bodyHash, answer } = claim
    const finished = done.get(tenant, key, nowMs) as ClaimRow | undefined
    if (finished && finished.answer !== claim.insteadOf) return answerFrom(finished, bodyHash)
    const first = pending.get(tenant, key) as PendingRow | undefined
    const holds = first && Math.max(first.claimed_at + pendingMs, first.created_at + first.window_ms) > nowMs
    if (holds) {
      if (first.body_hash !== bodyHash) return { kind: 'reused' }
      if (first.claimed_at + takeOverMs > nowMs) return { kind: 'in-flight' }
      restoreState.run(nowMs, tenant, key)
      const before: Claimed = { ids: JSON.parse(first.ids), batchId: first.batch_id }
      return { kind: 'again', answer: first.answer, claimed: before }
    }
    forget.run(tenant, key)
    remove.run(tenant, key)
    insert.run(tenant, key, bodyHash, answer, JSON.stringify(ids), batchId, nowMs, nowMs, windowOf(claim))
    return { kind: 'accepted' }
  }
}
