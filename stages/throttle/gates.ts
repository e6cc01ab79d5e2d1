/** Says whether a destination takes a delivery now: its breaker, its limit, and the credit of its way. */
import type { ProviderHealth } from '../../schemas/events.js'
import type { Channel } from '../../schemas/streams.js'
import { type LimitsOf, type Pace, sharedLimits } from '../shared-limits.js'
import type { Scope } from '../stage.js'
import { type Destination, hostOf } from './destination.js'

/** How much of what was released deliver has finished, by way; declared here because throttle needs it. */
export interface Credit {
  /** Records released and not finished, as far as the log knows. */
  outstanding(channel: Channel, scope: Scope): number
  /** Records ever finished; only grows. */
  finished(channel: Channel, scope: Scope): number
}

export interface GateOptions {
  /** Released and unfinished at most, for each channel, lane and partition. */
  readonly window: number
  readonly limitsOf: LimitsOf
  /** How long to wait for news of a probe; without bad news the destination is taken for well. */
  readonly probeEveryMs: number
}

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
  /** How many more may go now, at most; at least 1 where the gate is open. */
  room(destination: Destination, scope: Scope, nowMs: number): number
  /** A delivery went through: takes its tokens and its credit. */
  pass(destination: Destination, scope: Scope, nowMs: number): void
  heard(health: ProviderHealth): void
}

/** A breaker that is not closed, as far as was heard. */
interface Trouble {
  /** When a probe may go through. */
  readonly probeAtMs: number
  /** One went, and nothing was heard of it yet. */
  readonly probed: boolean
}

interface Topic {
  readonly startOutstanding: number
  readonly startFinished: number
  released: number
}

const opened: Gate = { open: true }
/** Reading more of what waits for a token would be reading for nothing. */
const limitedRoom = 16
const noCredit: Gate = { open: false, reason: 'credit', retryInMs: null }
/** Hosts whose breaker is remembered. Only troubled ones are, and the oldest is forgotten beyond this. */
const maxTroubled = 10_000

/** `share`: the part of every limit that is this worker's. */
export function gates(credit: Credit, options: GateOptions, share: () => number): Gates {
  const { window, limitsOf, probeEveryMs } = options
  const troubled = new Map<string, Trouble>()
  /** A scope that comes back is another one: others may have released into it. */
  const topics = new WeakMap<Scope, Map<Channel, Topic>>()
  const limits = sharedLimits(limitsOf, share)

  return {
    check(destination, scope, nowMs) {
      const probeAtMs = probeAfterMs(destination)
      if (nowMs < probeAtMs) return { open: false, reason: 'breaker-open', retryInMs: probeAtMs - nowMs }
      for (const key of breakerKeys(destination)) {
        // No bad news of the probe: the process with the breaker may have started anew, and knows of no trouble.
        if (troubled.get(key)?.probed) troubled.delete(key)
      }
      const waitMs = paceOf(destination, nowMs)?.waitMs(nowMs) ?? 0
      if (waitMs > 0) return { open: false, reason: 'limit', retryInMs: waitMs }
      return outstanding(destination.channel, scope) < window ? opened : noCredit
    },
    room(destination, scope, nowMs) {
      const single = breakerKeys(destination).some((key) => troubled.has(key)) || paceOf(destination, nowMs) !== null
      return Math.max(1, single ? limitedRoom : window - outstanding(destination.channel, scope))
    },
    pass(destination, scope, nowMs) {
      for (const key of breakerKeys(destination)) {
        if (troubled.has(key)) troubled.set(key, { probeAtMs: nowMs + probeEveryMs, probed: true })
      }
      paceOf(destination, nowMs)?.take(nowMs)
      wayOf(destination.channel, scope).released++
    },
    heard({ key, state, retryAtMs, atMs }) {
      if (state === 'closed') {
        troubled.delete(key)
        return
      }
      const [oldest] = troubled.keys()
      if (oldest !== undefined && troubled.size >= maxTroubled) troubled.delete(oldest)
      // Half open: the probe is under way, and another goes only if nothing is heard of it.
      troubled.set(key, { probeAtMs: retryAtMs ?? atMs + probeEveryMs, probed: state === 'half_open' })
    },
  }

  function probeAfterMs(destination: Destination): number {
    return Math.max(...breakerKeys(destination).map((key) => troubled.get(key)?.probeAtMs ?? 0))
  }

  function outstanding(channel: Channel, scope: Scope): number {
    const { startOutstanding, startFinished, released } = wayOf(channel, scope)
    return startOutstanding + released - (credit.finished(channel, scope) - startFinished)
  }

  function wayOf(channel: Channel, scope: Scope): Topic {
    const byChannel = topics.get(scope) ?? new Map<Channel, Topic>()
    topics.set(scope, byChannel)
    let topic = byChannel.get(channel)
    if (!topic) {
      const startFinished = credit.finished(channel, scope)
      topic = { startOutstanding: credit.outstanding(channel, scope), startFinished, released: 0 }
      byChannel.set(channel, topic)
    }
    return topic
  }

  function paceOf({ provider, channel, pace }: Destination, nowMs: number): Pace | null {
    return limits.pace(provider, channel, pace, nowMs)
  }
}

/** Of what answers, and of the host that it stands on: as in `ProviderHealth.key`. */
function breakerKeys({ provider, part }: Destination): readonly string[] {
  if (part === null) return [provider]
  const host = hostOf(part)
  return part === host ? [`${provider}/${part}`] : [`${provider}/${part}`, `${provider}/${host}`]
}
