/** Rate limits over all workers of a stage: each worker has the part of them that it has of the partitions. */
import { type TokenBucket, tokenBucket } from './token-bucket.js'

export interface SharedLimits {
  /** The bucket of a limit; null where there is none. `ratePerSecond`, over all workers, is asked once for each name.
   *  It starts empty, for whoever had the partitions before may just have spent it. */
  bucket(name: string, ratePerSecond: () => number | null, nowMs: number): TokenBucket | null
}

interface Limited {
  readonly ratePerSecond: number
  readonly bucket: TokenBucket
}

/** `share`: the part of the partitions that the worker owns now; it changes with them. */
export function sharedLimits(share: () => number): SharedLimits {
  const limits = new Map<string, Limited | null>()
  let part = partNow()

  return {
    bucket(name, ratePerSecond, nowMs) {
      follow(nowMs)
      let limited = limits.get(name)
      if (limited === undefined) {
        limited = limitedTo(ratePerSecond(), nowMs)
        limits.set(name, limited)
      }
      return limited?.bucket ?? null
    },
  }

  function limitedTo(ratePerSecond: number | null, nowMs: number): Limited | null {
    if (ratePerSecond === null) return null
    return { ratePerSecond, bucket: tokenBucket({ ratePerSecond: ratePerSecond * part, nowMs }) }
  }

  function follow(nowMs: number): void {
    const next = partNow()
    if (next === part) return
    part = next
    for (const limited of limits.values()) limited?.bucket.setRate(limited.ratePerSecond * part, nowMs)
  }

  /** Who owns nothing has nothing to send, whatever its part. */
  function partNow(): number {
    return share() || 1
  }
}
