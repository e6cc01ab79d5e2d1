/** How many calls a provider, and each part of it, may have under way at once.
 *
 *  No part takes all that there is, so that one that hangs leaves some to the others. Each call that is answered
 *  badly halves what its part may have, down to a few, and each that is lets one more go: so a provider that was away is
 *  asked by few, and is not flooded when it comes back. */

import type { SendResult } from './providers/provider.js'

export interface ConcurrencyLimiterOptions {
  /** Calls under way at once, over all parts. */
  readonly concurrency: number
  /** How many parts there are; null: as many as come. */
  readonly parts: number | null
  /** Calls that a part may have under way however badly it answers. */
  readonly cautious: number
}

/** What a call came to, as far as the provider's health goes. */
export type LoadSignal = 'ok' | 'overloaded' | 'not-called'

/** A provider that refuses one message is ok; one that fails, or asks for less, is overloaded. What is put off for its
 *  recipient's sake says nothing of the provider. */
export function loadSignalOf(result: SendResult): LoadSignal {
  if (result.outcome !== 'transient' && result.outcome !== 'rate-limited') return 'ok'
  return result.chargedTo === 'recipient' ? 'not-called' : 'overloaded'
}

export interface ConcurrencyLimiter {
  /** True: no part may have another call. */
  isFull(): boolean
  /** Whether the part may have one more call under way. Null: the whole provider. */
  allows(part: string | null): boolean
  started(part: string | null): void
  ended(part: string | null, signal: LoadSignal): void
  /** Calls under way. */
  active(): number
}

interface Standing {
  active: number
  most: number
}

/** Where parts are many and unknown, as hosts are, each gets at most this part of the calls. */
const partOfCalls = 1 / 4
/** Where they are few and known, each may have this many times what it leaves free for the others. */
const timesFree = 3
/** Parts in trouble that are remembered; beyond this the oldest without a call is taken for ok. */
const maxParts = 10_000

export function concurrencyLimiter({ concurrency, parts, cautious }: ConcurrencyLimiterOptions): ConcurrencyLimiter {
  const standings = new Map<string | null, Standing>()
  const perHost = Math.max(1, Math.floor(concurrency * partOfCalls))
  const fewest = Math.min(cautious, concurrency)
  let active = 0

  return {
    active: () => active,
    isFull: () => active >= concurrency,
    allows(part) {
      const { active: own, most } = standings.get(part) ?? { active: 0, most: concurrency }
      return active < concurrency && own < most && leavesSome(part, own)
    },
    started(part) {
      active++
      standingOf(part).active++
    },
    ended(part, signal) {
      const standing = standingOf(part)
      active--
      standing.active--
      if (signal === 'ok') standing.most = Math.min(concurrency, standing.most + 1)
      if (signal === 'overloaded') standing.most = Math.max(fewest, Math.floor(standing.most / 2))
      if (standing.active === 0 && standing.most === concurrency) standings.delete(part)
    },
  }

  /** The first call of a part is always let go: else a small provider would carry nothing. */
  function leavesSome(part: string | null, own: number): boolean {
    if (part === null || parts === 1 || own === 0) return true
    return parts === null ? own < perHost : own + 1 <= timesFree * (concurrency - active - 1)
  }

  function standingOf(part: string | null): Standing {
    const known = standings.get(part)
    if (known) return known
    const begun = { active: 0, most: concurrency }
    standings.set(part, begun)
    if (standings.size > maxParts) forgetOne(part)
    return begun
  }

  function forgetOne(but: string | null): void {
    for (const [part, { active: own }] of standings) {
      if (own > 0 || part === but) continue
      standings.delete(part)
      return
    }
  }
}
