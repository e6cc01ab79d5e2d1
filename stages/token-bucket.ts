/** Holds a rate: a token for each call, refilled evenly.
 *  Invariant: in any window of t seconds no more than t × rate + burst tokens are given. With the burst of a tenth of
 *  a second that is 1.02 of the limit in any 5 s, from 10 a second on. */

export interface TokenBucketOptions {
  readonly ratePerSecond: number
  /** Tokens it holds at most; a tenth of a second's, and at least 1, unless said. */
  readonly burst?: number
  /** The time of its start, in milliseconds since the epoch. */
  readonly nowMs: number
  /** Starts with the burst. Not for a limit over several processes: the last owner of the partition may have
   *  just spent it. */
  readonly full?: boolean
}

export interface TokenBucket {
  /** Takes a token; false when there is none. */
  take(nowMs: number): boolean
  /** Whole milliseconds until there is a token: 0 when there is one, Infinity at a rate of 0. */
  waitMs(nowMs: number): number
  /** From now on. Tokens over the new burst are lost. */
  setRate(ratePerSecond: number, nowMs: number): void
}

/** A smaller step back is jitter and gives nothing twice; a larger one is a clock that was set, and starts anew,
 *  for otherwise the bucket would stay empty until the old time comes again. */
export const clockSetMs = 1_000

/** Rounding of floating point must not keep back the token that `waitMs` promised. */
const tolerance = 1e-6

/** A bucket that starts empty unless it is asked to be full. */
export function tokenBucket({ ratePerSecond, burst, nowMs, full = false }: TokenBucketOptions): TokenBucket {
  const burstAt = (rate: number) => burst ?? Math.max(1, rate / 10)
  let rate = ratePerSecond
  let tokens = full ? burstAt(rate) : 0
  let filledAtMs = nowMs

  const fill = (at: number) => {
    const elapsedMs = at - filledAtMs
    if (elapsedMs > 0) tokens = Math.min(burstAt(rate), tokens + (elapsedMs * rate) / 1_000)
    if (elapsedMs > 0 || elapsedMs < -clockSetMs) filledAtMs = at
  }

  return {
    take: (at) => {
      fill(at)
      if (tokens < 1 - tolerance) return false
      tokens = Math.max(0, tokens - 1)
      return true
    },
    waitMs: (at) => {
      fill(at)
      if (tokens >= 1 - tolerance) return 0
      const behindMs = Math.max(0, filledAtMs - at)
      return behindMs + Math.ceil(((1 - tokens) * 1_000) / rate - tolerance)
    },
    setRate: (next, at) => {
      fill(at)
      rate = next
      tokens = Math.min(tokens, burstAt(rate))
    },
  }
}
