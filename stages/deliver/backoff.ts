/** How often a delivery is tried, and how long it waits in between. */
import type { Priority } from '../../schemas/events.js'

export interface Backoff {
  /** Calls made so far, at least 1. */
  readonly attempt: number
  readonly baseMs: number
  readonly maxMs: number
  /** At least 0, less than 1. */
  readonly random: () => number
}

/** How long to wait before the next call: exponential with full jitter, from 0 to less than min(maxMs, baseMs × 2^(attempt-1)).
 *  Full jitter spreads the retries of deliveries that failed together over the whole wait. */
export function backoffMs({ attempt, baseMs, maxMs, random }: Backoff): number {
  return Math.floor(random() * Math.min(maxMs, baseMs * 2 ** (attempt - 1)))
}

/** Provider calls that a delivery may have in all, the first one included. */
export function maxAttempts(priority: Priority): number {
  return attempts[priority]
}

const attempts = { high: 6, normal: 4, low: 3 } as const satisfies Record<Priority, number>
