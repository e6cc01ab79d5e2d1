import { expect, it } from 'vitest'
import { sharedLimits } from './shared-limits.js'

/** Tokens that a bucket gives within a second from `fromMs`, asked every 10 ms. */
function given(limits: ReturnType<typeof sharedLimits>, fromMs: number): number {
  let count = 0
  for (let nowMs = fromMs; nowMs < fromMs + 1000; nowMs += 10) {
    while (limits.bucket('sms', () => 100, nowMs)?.take(nowMs)) count++
  }
  return count
}

it('gives each worker the part of a limit that it has of the partitions, as they come and go', () => {
  let share = 1
  const limits = sharedLimits(() => share)
  expect(given(limits, 0)).toBe(99)
  share = 1 / 4
  expect(given(limits, 1000)).toBeGreaterThanOrEqual(24)
  expect(given(limits, 2000)).toBe(25)
  share = 1 / 2
  expect(given(limits, 3000)).toBe(50)
})

it('starts empty, and gives all where there is no limit', () => {
  const limits = sharedLimits(() => 1)
  expect(limits.bucket('sms', () => 10, 0)?.waitMs(0)).toBe(100)
  expect(limits.bucket('email', () => null, 0)).toBeNull()
})
