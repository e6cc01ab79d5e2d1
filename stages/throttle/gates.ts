/** Decides whether a destination takes a delivery now, by its breaker, its limit and the credit of its topic. */
import type { ProviderHealth } from '../../schemas/events.js'
import type { Channel } from '../../schemas/streams.js'
import { sharedLimits } from '../shared-limits.js'
import type { Scope } from '../stage.js'
import { breakerStates } from './breaker-states.js'
import type { Destination } from './destination.js'
import type { Credit, GateOptions } from './ports.js'

export interface ClosedGate {
  readonly open: false
  readonly reason: Reason
  /** When to ask again; null: when credit comes back. */
  readonly retryInMs: number | null
}

export type Gate = { readonly open: true } | ClosedGate
export type Reason = 'breaker-open' | 'limit' | 'credit'

export interface Gates {
  check(destination: Destination, scope: Scope, nowMs: number): Gate
  /** How many more deliveries may be released now at most; at least 1 where the gate is open. */
  room(destination: Destination, scope: Scope, nowMs: number): number
  /** Takes the token and the credit of a delivery that was released. */
  pass(destination: Destination, scope: Scope, nowMs: number): void
  /** Notes what a breaker reported. */
  heard(health: ProviderHealth, nowMs: number): void
}

const opened: Gate = { open: true }
const noCredit: Gate = { open: false, reason: 'credit', retryInMs: null }
/** Deliveries to read at once for a destination that has a limit or a breaker that is not closed: most of a longer batch
 *  would have to wait anyway. */
const limitedRoom = 16

/** `share`: the part of every limit that is this worker's. */
export function gates(credit: Credit, options: GateOptions, share: () => number): Gates {
  const { window, limitsOf, probeEveryMs } = options
  const breakers = breakerStates(probeEveryMs)
  const windows = creditWindows(credit)
  const limits = sharedLimits(limitsOf, share)
  const paceOf = ({ provider, channel, pace }: Destination, nowMs: number) =>
    limits.pace(provider, channel, pace, nowMs)

  return {
    check(destination, scope, nowMs) {
      const probeInMs = breakers.probeInMs(destination, nowMs)
      if (probeInMs !== null) return { open: false, reason: 'breaker-open', retryInMs: probeInMs }
      const waitMs = paceOf(destination, nowMs)?.waitMs(nowMs) ?? 0
      if (waitMs > 0) return { open: false, reason: 'limit', retryInMs: waitMs }
      return windows.outstanding(destination.channel, scope) < window ? opened : noCredit
    },
    room(destination, scope, nowMs) {
      const limited = breakers.isTroubled(destination, nowMs) || paceOf(destination, nowMs) !== null
      return Math.max(1, limited ? limitedRoom : window - windows.outstanding(destination.channel, scope))
    },
    pass(destination, scope, nowMs) {
      breakers.pass(destination, nowMs)
      paceOf(destination, nowMs)?.take(nowMs)
      windows.release(destination.channel, scope)
    },
    heard: breakers.heard,
  }
}

/** What was released of one topic and is not finished yet. */
interface CreditWindow {
  readonly startOutstanding: number
  readonly startFinished: number
  released: number
}

function creditWindows(credit: Credit) {
  /** A scope that comes back is a new object, because others may have released into its topics meanwhile. */
  const scopes = new WeakMap<Scope, Map<Channel, CreditWindow>>()

  return {
    outstanding(channel: Channel, scope: Scope): number {
      const { startOutstanding, startFinished, released } = windowOf(channel, scope)
      return startOutstanding + released - (credit.finished(channel, scope) - startFinished)
    },
    release(channel: Channel, scope: Scope): void {
      windowOf(channel, scope).released++
    },
  }

  function windowOf(channel: Channel, scope: Scope): CreditWindow {
    const byChannel = scopes.get(scope) ?? new Map<Channel, CreditWindow>()
    scopes.set(scope, byChannel)
    let window = byChannel.get(channel)
    if (!window) {
      const startFinished = credit.finished(channel, scope)
      window = { startOutstanding: credit.outstanding(channel, scope), startFinished, released: 0 }
      byChannel.set(channel, window)
    }
    return window
  }
}
