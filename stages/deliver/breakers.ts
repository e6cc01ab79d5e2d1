/** A circuit breaker for each destination, on cockatiel: opens after so many failures in a row, lets one probe through
 *  after a while, and tells of every change. */
import { BrokenCircuitError, CircuitState, ConsecutiveBreaker, circuitBreaker, handleWhenResult } from 'cockatiel'
import type { Delivery, ProviderHealth } from '../../schemas/events.js'
import type { Provider, SendResult } from './providers/provider.js'

export interface BreakerOptions {
  /** Failures in a row that open it. */
  readonly failures: number
  readonly halfOpenAfterMs: number
}

/** Breakers in each state. */
export type BreakerCounts = Readonly<Record<'closed' | 'open' | 'half_open', number>>

export interface Breakers {
  /** Makes the call, unless the breaker of the key is open: then null. Only transient results count as failures. */
  call(key: string, provider: string, send: () => Promise<SendResult>): Promise<SendResult | null>
  /** When a probe may go through; null where the breaker is closed. */
  retryAtMs(key: string): number | null
  /** Those of a provider that were called through so far. */
  count(provider: string): BreakerCounts
}

/** Breakers kept; beyond this the one idle for longest goes, if it is closed. */
const maxBreakers = 10_000

export function breakers(
  { failures, halfOpenAfterMs }: BreakerOptions,
  nowMs: () => number,
  changed: (health: ProviderHealth) => void,
): Breakers {
  const open = new Map<string, ReturnType<typeof make>>()

  return {
    async call(key, provider, send) {
      const breaker = open.get(key) ?? make(key, provider)
      open.delete(key)
      open.set(key, breaker)
      trim()
      try {
        return await breaker.policy.execute(send)
      } catch (error) {
        if (error instanceof BrokenCircuitError) return null
        throw error
      }
    },
    retryAtMs: (key) => open.get(key)?.retryAtMs ?? null,
    count(provider) {
      const counts = { closed: 0, open: 0, half_open: 0 }
      for (const breaker of open.values()) if (breaker.provider === provider) counts[nameOf(breaker.policy.state)]++
      return counts
    },
  }

  function make(key: string, provider: string) {
    const policy = circuitBreaker(
      handleWhenResult((result) => (result as SendResult).outcome === 'transient'),
      { halfOpenAfter: halfOpenAfterMs, breaker: new ConsecutiveBreaker(failures) },
    )
    const breaker = { policy, provider, retryAtMs: null as number | null }
    policy.onStateChange((state) => {
      const atMs = nowMs()
      breaker.retryAtMs = state === CircuitState.Open ? atMs + halfOpenAfterMs : null
      changed({ key, tenant: 'default', provider, state: nameOf(state), atMs, retryAtMs: breaker.retryAtMs })
    })
    return breaker
  }

  function trim(): void {
    if (open.size <= maxBreakers) return
    for (const [key, { retryAtMs }] of open) {
      if (retryAtMs !== null) continue
      open.delete(key)
      return
    }
  }
}

function nameOf(state: CircuitState): keyof BreakerCounts {
  if (state === CircuitState.Open) return 'open'
  return state === CircuitState.HalfOpen ? 'half_open' : 'closed'
}

/** What the breaker guards: the provider, or the part of it that the delivery goes to. */
export function breakerKey(delivery: Delivery, { name, destination }: Provider): string {
  const part = destination(delivery)
  return part === null ? name : `${name}/${part}`
}
