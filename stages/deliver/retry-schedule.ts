/** When a delivery is tried again, and when it is given up. */
import type { Delivery } from '../../schemas/events.js'

/** The waits of one delivery, in milliseconds. It is given up `giveUpAfterMs` after the first call, or after a breaker first
 *  held it back. */
export type RetrySchedule = { readonly giveUpAfterMs: number } & (
  | /** The last wait repeats. */ { readonly kind: 'waits'; readonly waitsMs: readonly number[] }
  /** So many calls after the first. Each wait is random, and at most twice as long as the one before: full jitter spreads
   *  those that failed together over the whole wait. */
  | { readonly kind: 'counted'; readonly retries: number; readonly baseMs: number; readonly maxMs: number }
)

/** Each wait is this much shorter or longer at most, so that those that failed together do not come back together. */
const jitter = 0.2

/** How long to wait after so many calls, at least 1, that came to nothing. Null: it was called often enough. `random`: at
 *  least 0, less than 1. */
export function retryWaitMs(schedule: RetrySchedule, calls: number, random: () => number): number | null {
  if (schedule.kind === 'waits') return jittered(plannedWaitMs(schedule.waitsMs, calls), random)
  if (calls > schedule.retries) return null
  return Math.floor(random() * Math.min(schedule.maxMs, schedule.baseMs * 2 ** (calls - 1)))
}

export function jittered(ms: number, random: () => number): number {
  return Math.round(ms * (1 - jitter + 2 * jitter * random()))
}

/** A wait that the provider names takes the place of the schedule's. Once the last wait repeats it is no shorter than that,
 *  so that the calls stay as few as the schedule makes them. */
export function namedWaitMs(schedule: RetrySchedule, calls: number, namedMs: number): number {
  if (schedule.kind === 'counted' || calls < schedule.waitsMs.length) return namedMs
  return Math.max(namedMs, plannedWaitMs(schedule.waitsMs, calls))
}

/** From when on it is given up. `triedFromMs`: when it was first called, or first held back by a breaker. */
export function giveUpAtMs({ giveUpAfterMs }: RetrySchedule, triedFromMs: number): number {
  return triedFromMs + giveUpAfterMs
}

/** What a delivery carries grows with each call. From half of these on, the calls that are left are spread over the time
 *  that is left. */
const maxCalls = 200

/** How long to wait at least after so many calls, where so much time is left. */
export function spreadMs(calls: number, leftMs: number): number {
  return calls < maxCalls / 2 ? 0 : Math.round(leftMs / Math.max(1, maxCalls - calls))
}

/** The last call is made at the very end, and those that are released then may be late by this much. */
const lateMs = 60_000

/** True: its time is over, and it is not called again. */
export function isGivenUp({ triedFromMs, notBeforeMs }: Delivery, schedule: RetrySchedule, nowMs: number): boolean {
  if (triedFromMs === null) return false
  const atMs = giveUpAtMs(schedule, triedFromMs)
  const isLastCall = notBeforeMs === atMs && nowMs <= atMs + lateMs
  return nowMs >= atMs && !isLastCall
}

function plannedWaitMs(waitsMs: readonly number[], calls: number): number {
  return waitsMs[Math.min(calls, waitsMs.length) - 1] ?? 0
}
