/** Who used an Idempotency-Key, and what was answered.
 *
 *  Claim and append are not one transaction here, so the Kafka ingress goes three steps:
 *  1. `claim`, with the ids that the notifications would have. `in-flight`, `replayed` and `reused` are answered at once.
 *  2. Append. With `accepted` the notifications go as they are. With `again` the first request under the key got no
 *     further for a while, and whether it was appended is not known: its notifications are appended again under the
 *     ids (and the batch id) that the claim tells, and its answer is given; dedupe drops the duplicates.
 *  3. `complete`, when the append is durable. Should that fail, the answer is right all the same: the claim stays
 *     pending, and a later retry goes the way of `again`. Where the append failed, `abandon` lets the next retry do so
 *     at once.
 *
 *  Invariant: all appends under one key within its window have the same ids. So it does no harm that a claim is taken
 *  over from a process that is only slow, and so a claim whose append may still be under way holds on where its window
 *  is shorter than that. */
import type { Acceptance, Claim } from '../../ingress/ports.js'
import { claimWindowMs } from './retention.js'

/** A pending claim older than this may be taken over, in milliseconds: many times what an append takes, and as long as
 *  those wait who ask for a process that died. */
export const takeOverMs = 2000
/** How long a pending claim holds its key, however short its window is, in milliseconds. Longer than any append. */
export const pendingMs = 60_000

/** How long a claim holds its key, from when it was first claimed, in milliseconds. */
export function windowOf({ windowMs = claimWindowMs }: Pick<Claim, 'windowMs'>): number {
  return Math.min(windowMs, claimWindowMs)
}

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
  /** What a key is used for, its window not being over at `nowMs`; undefined for a new one, and for one whose append is
   *  not known to be durable: that is for `claim` to answer. */
  recall(tenant: string, key: string, nowMs: number): Promise<Pick<Claim, 'bodyHash' | 'answer'> | undefined>
  /** `nowMs`: milliseconds since the epoch. */
  claim(tenant: string, claim: Claim, claimed: Claimed, nowMs: number): Promise<ClaimAnswer>
  /** The append is durable. True: the first to say so. False: who took the claim over, or it was taken over from, has
   *  said so before. */
  complete(tenant: string, key: string): Promise<boolean>
  /** The append failed, and nobody knows how much of it: the next retry takes over the claim of `claimedAtMs`, and no
   *  other, at once. */
  abandon(tenant: string, key: string, claimedAtMs: number): Promise<void>
}
