/** Says whether a destination takes a delivery now: its breaker, its limit, and the credit of its way. */
import type { ProviderHealth } from '../../schemas/events.js'
import type { Channel } from '../../schemas/streams.js'
import { type Pace, sharedLimits } from '../shared-limits.js'
import type { Scope } from '../stage.js'
import { clockSetMs } from '../token-bucket.js'
import { type Destination, hostOf } from './destination.js'
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
  /** How many more may go now, at most; at least 1 where the gate is open. */
  room(destination: Destination, scope: Scope, nowMs: number): number
  /** A delivery went through: takes its tokens and its credit. */
  pass(destination: Destination, scope: Scope, nowMs: number): void
  heard(health: ProviderHealth, nowMs: number): void
}

/** A breaker that is not closed, as far as was heard. */
interface Trouble {
  readonly sinceMs: number
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
      const closed = troublesOf(destination, nowMs).filter(({ trouble }) => !isProbeDue(trouble, nowMs))
      if (closed.length > 0) {
        const probeAtMs = Math.max(...closed.map(({ trouble }) => trouble.probeAtMs))
        return { open: false, reason: 'breaker-open', retryInMs: probeAtMs - nowMs }
      }
      const waitMs = paceOf(destination, nowMs)?.waitMs(nowMs) ?? 0
      if (waitMs > 0) return { open: false, reason: 'limit', retryInMs: waitMs }
      return outstanding(destination.channel, scope) < window ? opened : noCredit
    },
    room(destination, scope, nowMs) {
      const single = troublesOf(destination, nowMs).length > 0 || paceOf(destination, nowMs) !== null
      return Math.max(1, single ? limitedRoom : window - outstanding(destination.channel, scope))
    },
    pass(destination, scope, nowMs) {
      if (troubled.size > 0) {
        const probed = new Set(troublesOf(destination, nowMs).map(({ key }) => key))
        for (const key of breakerKeys(destination)) {
          if (probed.has(key)) troubled.set(key, { sinceMs: nowMs, probeAtMs: nowMs + probeEveryMs, probed: true })
          else troubled.delete(key)
        }
      }
      paceOf(destination, nowMs)?.take(nowMs)
      wayOf(destination.channel, scope).released++
    },
    heard({ key, state, retryAtMs, atMs }, nowMs) {
      if (state === 'closed') {
        troubled.delete(key)
        return
      }
      const [oldest] = troubled.keys()
      if (oldest !== undefined && troubled.size >= maxTroubled && !troubled.has(key)) troubled.delete(oldest)
      const retryMs = retryAtMs ?? atMs + probeEveryMs
      // The clock that wrote these times may be another one, and ahead: the wait itself is the same by any clock.
      const probeAtMs = Math.min(retryMs, nowMs + Math.max(0, retryMs - atMs))
      // Half open: the probe is under way, and another goes only if nothing is heard of it.
      troubled.set(key, { sinceMs: nowMs, probeAtMs, probed: state === 'half_open' })
    },
  }

  /** The breakers that keep the destination closed, or let probes through: of what answers, and of its host. Where a probe
   *  went and no bad news came of it in its time, there is none: the process that had the breaker may have begun anew. */
  function troublesOf(destination: Destination, nowMs: number): { readonly key: string; readonly trouble: Trouble }[] {
    if (troubled.size === 0) return []
    return breakerKeys(destination).flatMap((key) => {
      const trouble = troubled.get(key)
      return trouble === undefined || (trouble.probed && isProbeDue(trouble, nowMs)) ? [] : [{ key, trouble }]
    })
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

/** Its time has come, or the clock was set back, and the time may not come for long. */
function isProbeDue({ sinceMs, probeAtMs }: Trouble, nowMs: number): boolean {
  return nowMs >= probeAtMs || nowMs < sinceMs - clockSetMs
}

/** Of what answers, and of the host that it stands on: as in `ProviderHealth.key`. */
function breakerKeys({ provider, part }: Destination): readonly string[] {
  if (part === null) return [provider]
  const host = hostOf(part)
  return part === host ? [`${provider}/${part}`] : [`${provider}/${part}`, `${provider}/${host}`]
}
