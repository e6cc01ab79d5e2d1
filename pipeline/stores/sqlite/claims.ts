/** Who used an Idempotency-Key, and what was answered. */
import type { Acceptance, Acceptor, Claim } from '../../../ingress/ports.js'
import type { Database } from '../../logs/sqlite/database.js'
import { windowOf } from '../claims.js'

/** Claims keys; to be called inside `Database.write`, in the transaction that appends what is claimed. So a key is never
 *  seen half-used, and no answer here is `in-flight`. */
export interface ClaimWriter {
  claim(tenant: string, claim: Claim, nowMs: number): Acceptance
}

/** A claim as it stands in `store_claims`. */
export interface ClaimRow {
  readonly body_hash: string
  readonly answer: string
}

/** Finds a claim by tenant, key and the time now, unless its window is over. */
export const heldClaim = `SELECT body_hash, answer FROM store_claims
  WHERE tenant = ? AND key = ? AND created_at + window_ms > ?`

export function claimWriter(database: Database): ClaimWriter {
  const insert = database.prepare(
    `INSERT INTO store_claims (tenant, key, body_hash, answer, created_at, window_ms) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT DO NOTHING`,
  )
  const held = database.prepare(heldClaim)
  const remove = database.prepare('DELETE FROM store_claims WHERE tenant = ? AND key = ?')
  return {
    claim(tenant, claim, nowMs) {
      const { key, bodyHash, answer } = claim
      const row = [tenant, key, bodyHash, answer, nowMs, windowOf(claim)]
      if (insert.run(...row).changes > 0) return { kind: 'accepted' }
      const first = held.get(tenant, key, nowMs) as ClaimRow | undefined
      if (first && first.answer !== claim.insteadOf) return answerFrom(first, bodyHash)
      remove.run(tenant, key)
      insert.run(...row)
      return { kind: 'accepted' }
    },
  }
}

/** What is told to who comes with a key that is held. */
export function answerFrom({ body_hash, answer }: ClaimRow, bodyHash: string): Acceptance {
  return body_hash === bodyHash ? { kind: 'replayed', answer, appended: false } : { kind: 'reused' }
}

/** Looks a key up, on any connection. */
export function claimReader(database: Database, nowMs: () => number = Date.now): Pick<Acceptor, 'recall'> {
  return {
    recall: async (tenant, key) =>
      database.read(() => {
        const found = database.prepare(heldClaim).get(tenant, key, nowMs()) as ClaimRow | undefined
        return found && { bodyHash: found.body_hash, answer: found.answer }
      }),
  }
}
