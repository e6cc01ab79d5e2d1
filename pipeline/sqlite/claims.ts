/** Who used an Idempotency-Key, and what was answered. */
import type { Acceptance, Acceptor, Claim } from '../../ingress/ports.js'
import { claimWindowMs } from '../retention.js'
import type { Database } from './database.js'

/** Claims keys; to be called inside `Database.write`, in the transaction that appends what is claimed. So a key is never
 *  seen half-used, and no answer here is `in-flight`. */
export interface ClaimWriter {
  claim(tenant: string, claim: Claim, nowMs: number): Acceptance
}

export function claimWriter(database: Database): ClaimWriter {
  const insert = database.prepare(
    'INSERT INTO store_claims (tenant, key, body_hash, answer, created_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
  )
  const select = database.prepare('SELECT body_hash, answer, created_at FROM store_claims WHERE tenant = ? AND key = ?')
  const remove = database.prepare('DELETE FROM store_claims WHERE tenant = ? AND key = ?')
  return {
    claim(tenant, { key, bodyHash, answer }, nowMs) {
      if (insert.run(tenant, key, bodyHash, answer, nowMs).changes > 0) return { kind: 'accepted' }
      const first = select.get(tenant, key) as { body_hash: string; answer: string; created_at: number }
      if (first.created_at > nowMs - claimWindowMs) {
        return first.body_hash === bodyHash ? { kind: 'replayed', answer: first.answer } : { kind: 'reused' }
      }
      remove.run(tenant, key)
      insert.run(tenant, key, bodyHash, answer, nowMs)
      return { kind: 'accepted' }
    },
  }
}

/** Looks a key up, on any connection. */
export function claimReader(database: Database): Pick<Acceptor, 'recall'> {
  const sql = 'SELECT body_hash, answer FROM store_claims WHERE tenant = ? AND key = ? AND created_at > ?'
  return {
    recall: async (tenant, key) =>
      database.read(() => {
        const row = database.prepare(sql).get(tenant, key, Date.now() - claimWindowMs)
        const found = row as { body_hash: string; answer: string } | undefined
        return found && { bodyHash: found.body_hash, answer: found.answer }
      }),
  }
}
