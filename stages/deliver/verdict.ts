/** Decides what a call's result means for its delivery. Pure: facts in, decision out. */
import type { Attempt, Delivery } from '../../schemas/events.js'
import { backoffMs, maxAttempts } from './backoff.js'
import type { SendResult } from './providers/provider.js'

export interface RetryOptions {
  /** The first wait is at most this long; each later one at most twice the one before. */
  readonly baseMs: number
  readonly maxMs: number
  /** What a provider's Retry-After is clamped to. */
  readonly retryAfterMinMs: number
  readonly retryAfterMaxMs: number
}

export type Verdict =
  /** It has ended. `deadLetter`: worth keeping for a person, and why. */
  | {
      readonly kind: 'ended'
      readonly state: 'sent' | 'delivered' | 'failed'
      readonly delivery: Delivery
      readonly deadLetter: string | null
    }
  /** It goes back through throttle. */
  | { readonly kind: 'again'; readonly delivery: Delivery; readonly reason: 'retry' | 'rate-limited' }

/** What one call came to, with its place in time. `startedMs` in milliseconds since the epoch. */
export interface Call {
  readonly result: SendResult
  readonly startedMs: number
  readonly latencyMs: number
}

const maxError = 500

export function judge(
  delivery: Delivery,
  call: Call,
  nowMs: number,
  options: RetryOptions,
  random: () => number,
): Verdict {
  const { result } = call
  switch (result.outcome) {
    case 'sent':
    case 'delivered':
      return { kind: 'ended', state: result.outcome, delivery: attempted(delivery, call), deadLetter: null }
    case 'recipient':
      return { kind: 'ended', state: 'failed', delivery: attempted(delivery, call), deadLetter: null }
    case 'permanent':
      return { kind: 'ended', state: 'failed', delivery: attempted(delivery, call), deadLetter: 'permanent-error' }
    case 'transient':
      return afterTransient(attempted(delivery, call), nowMs, options, random)
    case 'rate-limited':
      return afterRateLimit(delivery, result.retryAfterMs, nowMs, options, random)
  }
}

function afterTransient(
  delivery: Delivery,
  nowMs: number,
  { baseMs, maxMs }: RetryOptions,
  random: () => number,
): Verdict {
  const attempt = delivery.attempts.length
  if (attempt >= maxAttempts(delivery.priority)) {
    return { kind: 'ended', state: 'failed', delivery, deadLetter: 'attempts-exhausted' }
  }
  const notBeforeMs = nowMs + backoffMs({ attempt, baseMs, maxMs, random })
  return { kind: 'again', delivery: { ...delivery, notBeforeMs }, reason: 'retry' }
}

/** Not an attempt: the provider did not look at the message. The wait is as it asked, plus jitter, so that those
 *  who were refused together do not come back together. */
function afterRateLimit(
  delivery: Delivery,
  retryAfterMs: number | null,
  nowMs: number,
  { baseMs, maxMs, retryAfterMinMs, retryAfterMaxMs }: RetryOptions,
  random: () => number,
): Verdict {
  const asked = retryAfterMs ?? backoffMs({ attempt: Math.min(30, delivery.deferrals + 1), baseMs, maxMs, random })
  const waitMs = Math.min(retryAfterMaxMs, Math.max(retryAfterMinMs, asked))
  const notBeforeMs = nowMs + Math.round(waitMs * (1 + random() / 4))
  return {
    kind: 'again',
    delivery: { ...delivery, deferrals: delivery.deferrals + 1, notBeforeMs },
    reason: 'rate-limited',
  }
}

function attempted(delivery: Delivery, { result, startedMs, latencyMs }: Call): Delivery {
  const attempt: Attempt = {
    number: delivery.attempts.length + 1,
    atMs: startedMs,
    outcome: result.outcome,
    error: 'error' in result ? result.error.slice(0, maxError) : null,
    latencyMs: Math.round(latencyMs),
    messageId: ('messageId' in result && result.messageId) || null,
  }
  return { ...delivery, attempts: [...delivery.attempts, attempt] }
}
