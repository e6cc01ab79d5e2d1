/** Rate limits over all workers of a stage: each worker has the part of them that it has of the partitions. */
import { type TokenBucket, tokenBucket } from './token-bucket.js'

/** A limit over all workers. Limits with the same name are one. */
export interface RateLimit {
  readonly name: string
  readonly ratePerSecond: number
}

/** Whose traffic has a pace of its own, beside the limits that count everybody's; null: nobody's. Holds no spaces. */
export type PaceClass = string | null

/** The limits on what a provider carries on a channel for a pace class; empty: as fast as it goes. */
export type LimitsOf = (provider: string, channel: string, pace: PaceClass) => readonly RateLimit[]

/** What several limits allow together: a token of each. */
export interface Pace {
  /** Whole milliseconds until each has a token. */
  waitMs(nowMs: number): number
  /** Takes a token of each. */
  take(nowMs: number): void
}

export interface SharedLimits {
  /** The pace of this traffic; null where it goes as fast as it can. The limits are asked once for each kind of it.
   *  A bucket starts empty, for whoever had the partitions before may just have spent it. */
  pace(provider: string, channel: string, pace: PaceClass, nowMs: number): Pace | null
}

interface Limited {
  readonly ratePerSecond: number
  readonly bucket: TokenBucket
}

/** `share`: the part of the partitions that the worker owns now; it changes with them. */
export function sharedLimits(limitsOf: LimitsOf, share: () => number): SharedLimits {
  const limits = new Map<string, Limited>()
  const paces = new Map<string, Pace | null>()
  let part = partNow()

  return {
    pace(provider, channel, pace, nowMs) {
      follow(nowMs)
      const key = `${provider} ${channel} ${pace ?? ''}`
      let known = paces.get(key)
      if (known === undefined) {
        known = paceOf(limitsOf(provider, channel, pace).map((limit) => bucketOf(limit, nowMs)))
        paces.set(key, known)
      }
      return known
    },
  }

  function bucketOf({ name, ratePerSecond }: RateLimit, nowMs: number): TokenBucket {
    const known = limits.get(name)
    if (known) return known.bucket
    const bucket = tokenBucket({ ratePerSecond: ratePerSecond * part, nowMs })
    limits.set(name, { ratePerSecond, bucket })
    return bucket
  }

  function follow(nowMs: number): void {
    const next = partNow()
    if (next === part) return
    part = next
    for (const { ratePerSecond, bucket } of limits.values()) bucket.setRate(ratePerSecond * part, nowMs)
  }

  /** Who owns nothing has nothing to send, whatever its part. */
  function partNow(): number {
    return share() || 1
  }
}

function paceOf(buckets: readonly TokenBucket[]): Pace | null {
  if (buckets.length === 0) return null
  return {
    waitMs: (nowMs) => Math.max(...buckets.map((bucket) => bucket.waitMs(nowMs))),
    take(nowMs) {
      for (const bucket of buckets) bucket.take(nowMs)
    },
  }
}
