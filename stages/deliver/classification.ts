/** Decides what a call's result means for its delivery. Pure: facts in, decision out. */
import type { Attempt, Delivery } from '../../schemas/events.js'
import type { SendResult } from './providers/provider.js'
import { giveUpAtMs, jittered, namedWaitMs, type RetrySchedule, retryWaitMs, spreadMs } from './retry-schedule.js'

/** What a time that a provider names is clamped to, in milliseconds. */
export interface RetryAfterBounds {
  readonly retryAfterMinMs: number
  readonly retryAfterMaxMs: number
}

export type Classification =
  /** It has ended. `deadLetter`: worth keeping for a person, and why. `reason`: why it failed; null where it did not. */
  | {
      readonly kind: 'ended'
      readonly state: 'sent' | 'delivered' | 'failed'
      readonly delivery: Delivery
      readonly deadLetter: string | null
      readonly reason: string | null
    }
  /** It goes back through throttle. */
  | { readonly kind: 'again'; readonly delivery: Delivery; readonly reason: 'retry' | 'rate-limited' }

/** What one call came to, with its place in time. `startedMs` in milliseconds since the epoch. */
export interface Call {
  readonly result: SendResult
  readonly startedMs: number
  readonly latencyMs: number
}

/** What a decision goes by. `random`: at least 0, less than 1. */
export interface Facts {
  readonly nowMs: number
  readonly schedule: RetrySchedule
  readonly bounds: RetryAfterBounds
  readonly random: () => number
}

const maxErrorLength = 500

export function classify(delivery: Delivery, call: Call, facts: Facts): Classification {
  const { result } = call
  const called = { ...delivery, triedFromMs: delivery.triedFromMs ?? triedFromOf(delivery, call) }
  switch (result.outcome) {
    case 'sent':
    case 'delivered':
      return { kind: 'ended', state: result.outcome, delivery: attempted(called, call), deadLetter: null, reason: null }
    case 'recipient':
      return failed(attempted(called, call), null, 'recipient')
    case 'permanent':
      return afterRefusal(called, call, result.againAfterMs ?? [], facts)
    case 'transient':
      return afterTransient(attempted(called, call), result.retryAfterMs ?? null, facts)
    case 'rate-limited':
      return afterRateLimit(called, result.retryAfterMs, facts)
  }
}

/** What was under way before releases knew the field began with its first attempt. */
function triedFromOf({ attempts }: Delivery, { startedMs }: Call): number {
  return attempts[0]?.atMs ?? startedMs
}

/** A refusal that the receiver's next release may undo is tried again a few times, then it counts. */
function afterRefusal(called: Delivery, call: Call, againAfterMs: readonly number[], facts: Facts): Classification {
  const before = called.attempts.filter(({ outcome }) => outcome === 'permanent').length
  const delivery = attempted(called, call)
  const waitMs = againAfterMs[before]
  if (waitMs === undefined) return failed(delivery, 'permanent-error', 'permanent')
  return again(delivery, jittered(waitMs, facts.random), 'retry', facts)
}

function afterTransient(delivery: Delivery, namedMs: number | null, facts: Facts): Classification {
  const { schedule, bounds, random } = facts
  const calls = delivery.attempts.length
  const waitMs = retryWaitMs(schedule, calls, random)
  if (waitMs === null) return failed(delivery, 'attempts-exhausted', 'transient')
  if (namedMs === null) return again(delivery, waitMs, 'retry', facts)
  return again(delivery, later(namedWaitMs(schedule, calls, clamped(namedMs, bounds)), random), 'retry', facts)
}

/** Not an attempt: the provider did not look at the message. The wait is as it asked. */
function afterRateLimit(called: Delivery, namedMs: number | null, facts: Facts): Classification {
  const { schedule, bounds, random } = facts
  const delivery = { ...called, deferrals: called.deferrals + 1 }
  const askedMs = namedMs ?? usualLimitWaitMs(schedule, delivery.deferrals, random)
  return again(delivery, later(clamped(askedMs, bounds), random), 'rate-limited', facts)
}

/** Where the calls are counted, a limit spends none of them: the longest wait repeats. */
function usualLimitWaitMs(schedule: RetrySchedule, deferrals: number, random: () => number): number {
  const calls = schedule.kind === 'counted' ? Math.min(deferrals, 30) : deferrals
  return retryWaitMs(schedule.kind === 'counted' ? { ...schedule, retries: 30 } : schedule, calls, random) ?? 0
}

/** Jitter only upwards: who was told a time does not come before it. */
function later(ms: number, random: () => number): number {
  return Math.round(ms * (1 + random() / 4))
}

function clamped(ms: number, { retryAfterMinMs, retryAfterMaxMs }: RetryAfterBounds): number {
  return Math.min(retryAfterMaxMs, Math.max(retryAfterMinMs, ms))
}

/** The last call is made at the very end of its time; what expires before it is called again waits no longer than that. */
function again(
  delivery: Delivery,
  waitMs: number,
  reason: 'retry' | 'rate-limited',
  { nowMs, schedule }: Facts,
): Classification {
  const endMs = giveUpAtMs(schedule, delivery.triedFromMs ?? nowMs)
  if (nowMs >= endMs) return failed(delivery, 'gave-up', 'gave-up')
  const atMs = nowMs + Math.max(waitMs, spreadMs(delivery.attempts.length, endMs - nowMs))
  const notBeforeMs = Math.min(atMs, endMs, delivery.expiresAtMs ?? Number.POSITIVE_INFINITY)
  return { kind: 'again', delivery: { ...delivery, notBeforeMs }, reason }
}

function failed(delivery: Delivery, deadLetter: string | null, reason: string): Classification {
  return { kind: 'ended', state: 'failed', delivery, deadLetter, reason }
}

function attempted(delivery: Delivery, { result, startedMs, latencyMs }: Call): Delivery {
  const attempt: Attempt = {
    number: delivery.attempts.length + 1,
    atMs: startedMs,
    outcome: result.outcome,
    error: 'error' in result ? result.error.slice(0, maxErrorLength) : null,
    latencyMs: Math.round(latencyMs),
    messageId: ('messageId' in result && result.messageId) || null,
  }
  return { ...delivery, attempts: [...delivery.attempts, attempt] }
}
