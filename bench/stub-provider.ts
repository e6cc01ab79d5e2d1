/** The provider of the bench: it answers at once, or after a while, and keeps its own count of what it was asked to send. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Provider, SendResult } from '../stages/deliver/provider.js'
import { monotonicMs } from './monotonic-clock.js'

/** What was asked of the stub. */
export interface StubReport {
  /** Idempotency key → when it was first sent, on the monotonic clock. */
  readonly firstAtMs: ReadonlyMap<string, number>
  /** Calls with a key that had been sent before. */
  readonly repeats: number
}

export interface Stub {
  /** A provider of this name; all of them share the count. */
  provider(name: string): Provider
  report(): StubReport
  /** How many keys were sent. */
  sent(): number
  /** Resolves with the time of the first call with this key, which may be over. */
  called(key: string): Promise<number>
}

const answer: SendResult = { outcome: 'sent' }

export function createStub(answersAfterMs = 0): Stub {
  const firstAtMs = new Map<string, number>()
  /** As many as the bench waits for at once: one. */
  const waiting = new Map<string, (atMs: number) => void>()
  let repeats = 0

  return {
    provider: (name) => ({
      name,
      async send({ key }) {
        note(key)
        if (answersAfterMs > 0) await delay(answersAfterMs)
        return answer
      },
      destination: () => null,
      close: async () => undefined,
    }),
    report: () => ({ firstAtMs, repeats }),
    sent: () => firstAtMs.size,
    called(key) {
      const atMs = firstAtMs.get(key)
      if (atMs !== undefined) return Promise.resolve(atMs)
      return new Promise((resolve) => waiting.set(key, resolve))
    },
  }

  function note(key: string): void {
    if (firstAtMs.has(key)) {
      repeats++
      return
    }
    const atMs = monotonicMs()
    firstAtMs.set(key, atMs)
    waiting.get(key)?.(atMs)
    waiting.delete(key)
  }
}
