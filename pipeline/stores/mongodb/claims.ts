/** Claims of idempotency keys in MongoDB; see `../claims.ts`. */
import type { Claim } from '../../../ingress/ports.js'
import { Unavailable } from '../../../schemas/errors.js'
import { type ClaimAnswer, type Claimed, type Claims, pendingMs, takeOverMs, windowOf } from '../claims.js'
import type { Mongo } from './connection.js'
import { documentId, inserted } from './documents.js'

export const claimCollection = 'claims'

/** The key stands in the `_id`, which is unique on every shard too. */
interface ClaimDocument extends Claimed, Pick<Claim, 'windowMs'> {
  readonly _id: string
  readonly tenant: string
  readonly key: string
  readonly state: 'pending' | 'done'
  readonly bodyHash: string
  readonly answer: string
  /** When the key was claimed first: when its window begins, and what retention goes by. */
  readonly createdAt: Date
  /** When it was claimed last. */
  readonly claimedAt: Date
}

/** How often a claim is looked at again because another was faster. */
const maxRounds = 10

export function claimStore(mongo: Mongo): Claims {
  const claims = mongo.collection<ClaimDocument>(claimCollection)

  return {
    recall: (tenant, key, nowMs) =>
      mongo.run('recall a key', async () => {
        const found = await claims.findOne({ _id: documentId(tenant, key), state: 'done' })
        return found && withinWindow(found, nowMs) ? { bodyHash: found.bodyHash, answer: found.answer } : undefined
      }),
    claim: (tenant, claim, claimed, nowMs) =>
      mongo.run('claim a key', async () => {
        const fresh = claimDocument(tenant, claim, claimed, nowMs)
        for (let round = 0; round < maxRounds; round++) {
          if (await inserted(claims.insertOne(fresh))) return { kind: 'accepted' }
          const first = await claims.findOne({ _id: fresh._id })
          const answer = first && (await answerFrom(first, fresh, nowMs, claim.insteadOf))
          if (answer) return answer
        }
        throw new Unavailable('Too many requests use the same idempotency key. Try again in a moment.')
      }),
    complete: (tenant, key) =>
      mongo.run('complete a claim', async () => {
        const pending = { _id: documentId(tenant, key), state: 'pending' } as const
        const { modifiedCount } = await claims.updateOne(pending, { $set: { state: 'done' } })
        return modifiedCount > 0
      }),
    abandon: (tenant, key, claimedAtMs) =>
      mongo.run('abandon a claim', async () => {
        const asClaimed = { _id: documentId(tenant, key), state: 'pending', claimedAt: new Date(claimedAtMs) } as const
        await claims.updateOne(asClaimed, { $set: { claimedAt: new Date(0) } })
      }),
  }

  /** Undefined: another was faster, look again. */
  async function answerFrom(
    first: ClaimDocument,
    fresh: ClaimDocument,
    nowMs: number,
    insteadOf: string | undefined,
  ): Promise<ClaimAnswer | undefined> {
    const { _id, createdAt, claimedAt, state, answer, ids, batchId } = first
    const asRead = { _id, createdAt, claimedAt, state }
    const pendingFor = (ms: number) => state === 'pending' && claimedAt.getTime() + ms > nowMs
    const isReplaced = state === 'done' && answer === insteadOf
    if (isReplaced || (!pendingFor(pendingMs) && !withinWindow(first, nowMs))) {
      const { matchedCount } = await claims.replaceOne(asRead, fresh)
      return matchedCount > 0 ? { kind: 'accepted' } : undefined
    }
    if (first.bodyHash !== fresh.bodyHash) return { kind: 'reused' }
    if (state === 'done') return { kind: 'replayed', answer, appended: false }
    if (pendingFor(takeOverMs)) return { kind: 'in-flight' }
    const { matchedCount } = await claims.updateOne(asRead, { $set: { claimedAt: fresh.claimedAt } })
    return matchedCount > 0 ? { kind: 'again', answer, claimed: { ids, batchId } } : undefined
  }
}

function withinWindow(claim: ClaimDocument, nowMs: number): boolean {
  return claim.createdAt.getTime() + windowOf(claim) > nowMs
}

function claimDocument(tenant: string, claim: Claim, { ids, batchId }: Claimed, nowMs: number): ClaimDocument {
  const { key, bodyHash, answer, windowMs } = claim
  const at = new Date(nowMs)
  return {
    _id: documentId(tenant, key),
    tenant,
    key,
    state: 'pending',
    bodyHash,
    answer,
    ids,
    batchId,
    createdAt: at,
    claimedAt: at,
    ...(windowMs !== undefined && { windowMs }),
  }
}
