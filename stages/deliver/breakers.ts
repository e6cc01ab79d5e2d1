/** A circuit breaker for each destination, on cockatiel: opens after so many failures in a row, lets one probe through
 *  after a while, and tells of every change. */
import { BrokenCircuitError, CircuitState, ConsecutiveBreaker, circuitBreaker, handleWhenResult } from 'cockatiel'
import type { ProviderHealth } from '../../schemas/events.js'
import type { SendResult } from './provider.js'

export interface BreakerOptions {
  /** Failures in a row that open it. */
  readonly failures: number
  readonly halfOpenAfterMs: number
}

export interface Breakers {
  /** Makes the call, unless the breaker of the key is open: then null. Only transient results count as failures. */
  call(key: string, provider: string, send: () => Promise<SendResult>): Promise<SendResult | null>
  /** When a probe may go through; null where the breaker is closed. */
  retryAtMs(key: string): number | null
}

/** Breakers kept; beyond this the one idle for longest goes, if it is closed. */
const breakersMost = 10_000

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
  }

  function make(key: string, provider: string) {
    const policy = circuitBreaker(
      handleWhenResult((result) => (result as SendResult).outcome === 'transient'),
      { halfOpenAfter: halfOpenAfterMs, breaker: new ConsecutiveBreaker(failures) },
    )
    const breaker = { policy, retryAtMs: null as number | null }
    policy.onStateChange((state) => {
      const atMs = nowMs()
      breaker.retryAtMs = state === CircuitState.Open ? atMs + halfOpenAfterMs : null
      const named = state === CircuitState.Open ? 'open' : state === CircuitState.HalfOpen ? 'half_open' : 'closed'
      changed({ key, tenant: 'default', provider, state: named, atMs, retryAtMs: breaker.retryAtMs })
    })
    return breaker
  }

  function trim(): void {
    if (open.size <= breakersMost) return
    for (const [key, { retryAtMs }] of open) {
      if (retryAtMs !== null) continue
      open.delete(key)
      return
    }
  }
}
