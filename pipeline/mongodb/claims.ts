/** Who used an Idempotency-Key, and what was answered.
 *
 *  Claim and append are not one transaction here, so the Kafka ingress goes three steps:
 *  1. `claim`, with the ids that the notifications would have. `in-flight`, `replayed` and `reused` are answered at once.
 *  2. Append. With `accepted` the notifications go as they are. With `again` the first request under the key got no
 *     further for a minute, and whether it was appended is not known: its notifications are appended again under the
 *     ids (and the batch id) that the claim tells, and its answer is given; dedupe drops the twins.
 *  3. `complete`, when the append is durable. Should that fail, the answer is right all the same: the claim grows stale,
 *     and a later retry goes the way of `again`. Where nothing was appended for certain, `release` frees the key.
 *
 *  Invariant: all appends under one key within its 24 hours have the same ids. */
import { type Acceptance, type Claim, Unavailable } from '../../ingress/ports.js'
import { claimWindowMs } from '../retention.js'
import type { Mongo } from './connection.js'
import { documentId, inserted } from './documents.js'

export const claimCollection = 'claims'

/** A pending claim older than this is taken for one whose process died, in milliseconds. Longer than any append. */
export const staleMs = 60_000

/** What is appended under a key. */
export interface Claimed {
  /** Of the notifications, in the order of the request. */
  readonly ids: readonly string[]
  readonly batchId: string | null
}

export type ClaimAnswer =
  | Acceptance
  /** An earlier claim stood half-way: append what it claimed, and give its answer. */
  | { readonly kind: 'again'; readonly answer: string; readonly claimed: Claimed }

export interface Claims {
  /** What a key was used for within the 24 hours before `nowMs`; undefined for a new one, and for one whose append is
   *  not known to be durable: that is for `claim` to answer. */
  recall(tenant: string, key: string, nowMs: number): Promise<Pick<Claim, 'bodyHash' | 'answer'> | undefined>
  /** `nowMs`: milliseconds since the epoch. */
  claim(tenant: string, claim: Claim, claimed: Claimed, nowMs: number): Promise<ClaimAnswer>
  /** The append is durable. */
  complete(tenant: string, key: string): Promise<void>
  /** Nothing was appended: frees the key that was claimed at `claimedAtMs` with `accepted`, and no other. */
  release(tenant: string, key: string, claimedAtMs: number): Promise<void>
}

/** The key stands in the `_id`, which is unique on every shard too. */
interface ClaimDocument extends Claimed {
  readonly _id: string
  readonly tenant: string
  readonly key: string
  readonly state: 'pending' | 'done'
  readonly bodyHash: string
  readonly answer: string
  /** When the key was claimed first: its window, and what retention goes by. */
  readonly createdAt: Date
  /** When it was claimed last. */
  readonly claimedAt: Date
}

/** How often a claim is looked at again because another was faster. */
const roundsMost = 10

export function claimStore(mongo: Mongo): Claims {
  const claims = mongo.collection<ClaimDocument>(claimCollection)

  return {
    recall: (tenant, key, nowMs) =>
      mongo.run('recall a key', async () => {
        const since = new Date(nowMs - claimWindowMs)
        const found = await claims.findOne({ _id: documentId(tenant, key), state: 'done', createdAt: { $gt: since } })
        return found ? { bodyHash: found.bodyHash, answer: found.answer } : undefined
      }),
    claim: (tenant, claim, claimed, nowMs) =>
      mongo.run('claim a key', async () => {
        const fresh = claimDocument(tenant, claim, claimed, nowMs)
        for (let round = 0; round < roundsMost; round++) {
          if (await inserted(claims.insertOne(fresh))) return { kind: 'accepted' }
          const first = await claims.findOne({ _id: fresh._id })
          const answer = first && (await answerFrom(first, fresh, nowMs))
          if (answer) return answer
        }
        throw new Unavailable('Too many requests use the same idempotency key. Try again in a moment.')
      }),
    complete: (tenant, key) =>
      mongo.run('complete a claim', async () => {
        await claims.updateOne({ _id: documentId(tenant, key), state: 'pending' }, { $set: { state: 'done' } })
      }),
    release: (tenant, key, claimedAtMs) =>
      mongo.run('release a claim', async () => {
        const at = new Date(claimedAtMs)
        await claims.deleteOne({ _id: documentId(tenant, key), state: 'pending', createdAt: at, claimedAt: at })
      }),
  }

  /** Undefined: another was faster, look again. */
  async function answerFrom(
    first: ClaimDocument,
    fresh: ClaimDocument,
    nowMs: number,
  ): Promise<ClaimAnswer | undefined> {
    const { _id, createdAt, claimedAt, state, answer, ids, batchId } = first
    const asRead = { _id, createdAt, claimedAt, state }
    if (createdAt.getTime() <= nowMs - claimWindowMs) {
      const { matchedCount } = await claims.replaceOne(asRead, fresh)
      return matchedCount > 0 ? { kind: 'accepted' } : undefined
    }
    if (first.bodyHash !== fresh.bodyHash) return { kind: 'reused' }
    if (state === 'done') return { kind: 'replayed', answer }
    if (claimedAt.getTime() > nowMs - staleMs) return { kind: 'in-flight' }
    const { matchedCount } = await claims.updateOne(asRead, { $set: { claimedAt: fresh.claimedAt } })
    return matchedCount > 0 ? { kind: 'again', answer, claimed: { ids, batchId } } : undefined
  }
}

function claimDocument(tenant: string, claim: Claim, { ids, batchId }: Claimed, nowMs: number): ClaimDocument {
  const { key, bodyHash, answer } = claim
  const at = new Date(nowMs)
  const _id = documentId(tenant, key)
  return { _id, tenant, key, state: 'pending', bodyHash, answer, ids, batchId, createdAt: at, claimedAt: at }
}
