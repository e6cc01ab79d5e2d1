/** The provider of the bench: it answers at once, or after a while, and keeps its own count of what it was asked to send. */
import { setTimeout as delay } from 'node:timers/promises'
import type { ProviderConfig } from '../pipeline/config/providers.js'
import type { Provider, ProviderBinding, SendRequest, SendResult } from '../stages/deliver/providers/provider.js'
import { monotonicMs } from './latency.js'

/** What was asked of the stub. */
export interface StubReport {
  /** Idempotency key → when it was first sent, on the monotonic clock. */
  readonly firstAtMs: ReadonlyMap<string, number>
  /** Calls with a key that had been sent before, other than those whose call before was cut off by its time-out. */
  readonly repeats: number
}

export interface Stub {
  /** Puts it in the place of all providers; they share the count. As with the HTTP provider, each channel is a part. */
  bindings(providers: readonly ProviderConfig[]): ReadonlyMap<string, ProviderBinding>
  report(): StubReport
  /** How many keys were sent. */
  sent(): number
  /** Resolves with the time of the first call with this key, which may be over. */
  called(key: string): Promise<number>
  /** Calls of the channel that begin from now on are answered after so long. */
  slow(channel: string, answersAfterMs: number): void
}

const answer: SendResult = { outcome: 'sent' }
const cutOff: SendResult = { outcome: 'transient', error: 'The stub did not answer in time' }

export function createStub(answersAfterMs = 0): Stub {
  const firstAtMs = new Map<string, number>()
  /** As many as the bench waits for at once: one. */
  const waiting = new Map<string, (atMs: number) => void>()
  const slowness = new Map<string, number>()
  /** Keys whose last call was cut off: as many as a slow channel has calls under way, and retries. */
  const cut = new Set<string>()
  let repeats = 0

  return {
    bindings: (providers) =>
      new Map(
        providers.map((config) => [config.name, { provider: inPlaceOf(config), policy: config.policy }] as const),
      ),
    report: () => ({ firstAtMs, repeats }),
    sent: () => firstAtMs.size,
    called(key) {
      const atMs = firstAtMs.get(key)
      if (atMs !== undefined) return Promise.resolve(atMs)
      return new Promise((resolve) => waiting.set(key, resolve))
    },
    slow: (channel, slowMs) => slowness.set(channel, slowMs),
  }

  function inPlaceOf({ name, channels }: ProviderConfig): Provider {
    return {
      ...{ name, parts: channels.length, send },
      destination: ({ channel }) => channel,
      close: async () => undefined,
    }
  }

  async function send({ key, delivery }: SendRequest, signal: AbortSignal): Promise<SendResult> {
    note(key)
    const slowMs = slowness.get(delivery.channel) ?? answersAfterMs
    if (slowMs === 0) return answer
    try {
      await delay(slowMs, undefined, { signal })
      return answer
    } catch {
      cut.add(key)
      return cutOff
    }
  }

  function note(key: string): void {
    if (firstAtMs.has(key)) {
      if (!cut.delete(key)) repeats++
      return
    }
    const atMs = monotonicMs()
    firstAtMs.set(key, atMs)
    waiting.get(key)?.(atMs)
    waiting.delete(key)
  }
}
