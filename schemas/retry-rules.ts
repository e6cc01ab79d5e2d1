/** What a retry schedule has to be, whoever gives it: the operator or a request. Durations are in milliseconds. */
import { durationText } from './duration.js'

/** What a schedule keeps within. */
export interface RetryBounds {
  readonly minWaitMs: number
  readonly maxGiveUpAfterMs: number
}

export const maxWaits = 50

/** What is wrong with a schedule, as the end of a sentence; null: nothing. */
export function scheduleFault(waitsMs: readonly number[], { minWaitMs, maxGiveUpAfterMs }: RetryBounds): string | null {
  if (waitsMs.length === 0 || waitsMs.length > maxWaits) return `must hold 1 to ${maxWaits} waits`
  if (waitsMs.some((wait, at) => wait < (waitsMs[at - 1] ?? 0)))
    return 'must hold no wait that is shorter than the one before'
  if (waitsMs.some((wait) => wait < minWaitMs)) return `must hold no wait shorter than ${durationText(minWaitMs)}`
  if (waitsMs.some((wait) => wait > maxGiveUpAfterMs)) {
    return `must hold no wait longer than ${durationText(maxGiveUpAfterMs)}`
  }
  return null
}

/** What is wrong with the time after which it is given up; null: nothing. */
export function giveUpFault(giveUpAfterMs: number, { minWaitMs, maxGiveUpAfterMs }: RetryBounds): string | null {
  if (giveUpAfterMs >= minWaitMs && giveUpAfterMs <= maxGiveUpAfterMs) return null
  return `must be from ${durationText(minWaitMs)} to ${durationText(maxGiveUpAfterMs)}`
}
