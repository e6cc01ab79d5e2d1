/** A circuit breaker for each thing that fails alone: opens after so many failures in a row, lets one probe through after a
 *  while that grows, and tells of every change.
 *
 *  A call is guarded by two: that of what answers (a webhook's URL, a channel, the whole provider), and that of the host
 *  that its connection goes to. Where both are the same there is one. Pure but for `changed`: time is given.
 *
 *  Invariants: a breaker that is not closed has a time at which it lets a probe through, or a probe under way; as many
 *  breakers are remembered as `maxBreakers`. */
import type { BreakerState, Delivery, ProviderHealth } from '../../schemas/events.js'
import { hostOf, type Provider, type SendResult } from './providers/provider.js'

export interface BreakerOptions {
  /** Failures in a row that open it. */
  readonly failures: number
  /** How long it is open before a probe. Each probe in vain doubles it, up to `maxHalfOpenAfterMs`. */
  readonly halfOpenAfterMs: number
  readonly maxHalfOpenAfterMs: number
}

/** Breakers in each state. */
export type BreakerCounts = Readonly<Record<BreakerState, number>>

/** What guards a call. The two may be the same. */
export interface BreakerKeys {
  readonly provider: string
  /** Of what answers. */
  readonly answers: string
  /** Of the host that is connected to. */
  readonly connections: string
}

/** Whether a call may be made now: as usual, or as the probe that all others wait for. */
export type Permission = 'usual' | 'probe' | 'refused'

interface Breaker {
  readonly provider: string
  state: BreakerState
  /** Failures in a row while it is closed; probes in vain while it is not. */
  failures: number
  retryAtMs: number | null
  sinceMs: number | null
  lastError: string | null
}

/** Breakers kept; beyond this one that was idle for long goes, a closed one if there is any among the oldest. */
const maxBreakers = 10_000
/** So many of the oldest are looked at for a closed one. */
const maxLookedAt = 100
const maxErrorLength = 500

export class Breakers {
  readonly #options: BreakerOptions
  readonly #changed: (health: ProviderHealth) => void
  /** Those that were called last stand last. */
  readonly #breakers = new Map<string, Breaker>()

  constructor(options: BreakerOptions, changed: (health: ProviderHealth) => void) {
    this.#options = options
    this.#changed = changed
  }

  /** Asks for one call. Unless it is refused, `ended` must be told what it came to. */
  begin(keys: BreakerKeys, nowMs: number): Permission {
    const guards = this.#guards(keys)
    const isShut = ({ state, retryAtMs }: Breaker) => state === 'half_open' || (retryAtMs !== null && nowMs < retryAtMs)
    if (guards.some(([, breaker]) => isShut(breaker))) return 'refused'
    const open = guards.filter(([, { state }]) => state === 'open')
    for (const [key, breaker] of open) this.#move(key, breaker, 'half_open', nowMs)
    return open.length > 0 ? 'probe' : 'usual'
  }

  /** What a call came to; null: nobody knows. A call that was begun before the breaker opened changes nothing any more. */
  ended(keys: BreakerKeys, permission: Permission, result: SendResult | null, nowMs: number): void {
    for (const [key, breaker] of this.#guards(keys)) {
      const effect = effectOn(key, keys, result)
      if (breaker.state === 'half_open' && permission === 'probe') {
        if ((effect === 'none' ? probedBy(result) : effect) === 'ok') this.#move(key, breaker, 'closed', nowMs)
        else this.#probedInVain(key, breaker, errorOf(result), nowMs)
      } else if (breaker.state === 'closed') {
        if (effect === 'ok') breaker.failures = 0
        if (effect === 'failed') this.#failed(key, breaker, errorOf(result), nowMs)
      }
    }
    this.#trim(nowMs)
  }

  /** When a probe may go through; null where all are closed, or where one is under way. */
  retryAtMs(keys: BreakerKeys): number | null {
    const times = this.#guards(keys).flatMap(([, { retryAtMs }]) => retryAtMs ?? [])
    return times.length === 0 ? null : Math.max(...times)
  }

  /** Those of a provider that are remembered. */
  count(provider: string): BreakerCounts {
    const counts = { closed: 0, open: 0, half_open: 0 }
    for (const breaker of this.#breakers.values()) if (breaker.provider === provider) counts[breaker.state]++
    return counts
  }

  #guards({ provider, answers, connections }: BreakerKeys): readonly (readonly [string, Breaker])[] {
    const own = [answers, this.#breaker(answers, provider)] as const
    return answers === connections ? [own] : [own, [connections, this.#breaker(connections, provider)]]
  }

  #breaker(key: string, provider: string): Breaker {
    const known = this.#breakers.get(key)
    const closed = { state: 'closed', failures: 0, retryAtMs: null, sinceMs: null, lastError: null } as const
    const breaker: Breaker = known ?? { provider, ...closed }
    this.#breakers.delete(key)
    this.#breakers.set(key, breaker)
    return breaker
  }

  #failed(key: string, breaker: Breaker, error: string, nowMs: number): void {
    breaker.lastError = error
    breaker.failures++
    if (breaker.failures < this.#options.failures) return
    breaker.failures = 0
    breaker.retryAtMs = nowMs + this.#options.halfOpenAfterMs
    this.#move(key, breaker, 'open', nowMs)
  }

  #probedInVain(key: string, breaker: Breaker, error: string, nowMs: number): void {
    const { halfOpenAfterMs, maxHalfOpenAfterMs } = this.#options
    breaker.lastError = error
    breaker.failures++
    const waitMs = Math.min(halfOpenAfterMs * 2 ** Math.min(breaker.failures, 30), maxHalfOpenAfterMs)
    breaker.retryAtMs = nowMs + Math.max(halfOpenAfterMs, waitMs)
    this.#move(key, breaker, 'open', nowMs)
  }

  #move(key: string, breaker: Breaker, state: BreakerState, nowMs: number): void {
    breaker.state = state
    if (state === 'closed') {
      breaker.lastError = null
      breaker.failures = 0
    }
    if (state !== 'open') breaker.retryAtMs = null
    breaker.sinceMs = state === 'closed' ? null : (breaker.sinceMs ?? nowMs)
    const { provider, retryAtMs, sinceMs, lastError } = breaker
    this.#changed({ key, tenant: 'default', provider, state, atMs: nowMs, retryAtMs, sinceMs, lastError })
  }

  /** A breaker that is forgotten while it is open is told as closed: else it would hold back for ever. One whose probe is
   *  under way stays. */
  #trim(nowMs: number): void {
    while (this.#breakers.size > maxBreakers) {
      const [key, breaker] = this.#leastUseful() ?? []
      if (key === undefined || breaker === undefined) return
      this.#breakers.delete(key)
      if (breaker.state === 'open') this.#move(key, breaker, 'closed', nowMs)
    }
  }

  #leastUseful(): readonly [string, Breaker] | null {
    let oldestOpen: readonly [string, Breaker] | null = null
    let lookedAt = 0
    for (const entry of this.#breakers) {
      if (entry[1].state === 'closed') return entry
      if (entry[1].state === 'open') oldestOpen ??= entry
      if (++lookedAt >= maxLookedAt && oldestOpen) return oldestOpen
    }
    return oldestOpen
  }
}

/** What a result says of the thing that this breaker guards. */
function effectOn(
  key: string,
  { answers, connections }: BreakerKeys,
  result: SendResult | null,
): 'ok' | 'failed' | 'none' {
  if (result === null) return 'none'
  if (!('chargedTo' in result) && result.outcome !== 'transient') return 'ok'
  const chargedTo = 'chargedTo' in result ? result.chargedTo : undefined
  if (chargedTo === 'recipient') return 'none'
  if (result.outcome !== 'transient') return 'ok'
  if (answers === connections) return 'failed'
  const isCharged = chargedTo === 'connection' ? key === connections : key === answers
  if (isCharged) return 'failed'
  // Whoever answered, badly, was reached; who was not reached has not answered.
  return key === connections ? 'ok' : 'none'
}

/** A probe that says nothing of the thing itself: an answer about the recipient came from a provider that works; without
 *  one the next probe has to tell. */
function probedBy(result: SendResult | null): 'ok' | 'failed' {
  return result !== null && 'chargedTo' in result && result.chargedTo === 'recipient' ? 'ok' : 'failed'
}

function errorOf(result: SendResult | null): string {
  const error = result !== null && 'error' in result ? result.error : 'It is not known what the last call came to.'
  return error.slice(0, maxErrorLength)
}

/** What guards a delivery's calls, as in `ProviderHealth.key`. */
export function breakerKeys(
  delivery: Delivery,
  { name, destination }: Pick<Provider, 'name' | 'destination'>,
): BreakerKeys {
  const part = destination(delivery)
  return { provider: name, answers: keyOf(name, part), connections: keyOf(name, hostOf(part)) }
}

function keyOf(name: string, part: string | null): string {
  return part === null ? name : `${name}/${part}`
}
