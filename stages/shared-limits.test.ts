import { expect, it } from 'vitest'
import { type SharedLimits, sharedLimits } from './shared-limits.js'

/** What may go within a second from `fromMs`, asked every 10 ms. */
function gone(limits: SharedLimits, fromMs: number, pace: string | null = null): number {
  let count = 0
  for (let nowMs = fromMs; nowMs < fromMs + 1000; nowMs += 10) {
    const at = limits.pace('http', 'sms', pace, nowMs)
    while (at?.waitMs(nowMs) === 0) {
      at.take(nowMs)
      count++
    }
  }
  return count
}

it('gives each worker the part of a limit that it has of the partitions, as they come and go', () => {
  let share = 1
  const limits = sharedLimits(
    () => [{ name: 'sms', ratePerSecond: 100 }],
    () => share,
  )
  expect(gone(limits, 0)).toBe(99)
  share = 1 / 4
  expect(gone(limits, 1000)).toBeGreaterThanOrEqual(24)
  expect(gone(limits, 2000)).toBe(25)
  share = 1 / 2
  expect(gone(limits, 3000)).toBe(50)
})

it('starts empty, and holds nobody where there is no limit', () => {
  const limits = sharedLimits(
    (_, channel) => (channel === 'sms' ? [{ name: 'sms', ratePerSecond: 10 }] : []),
    () => 1,
  )
  expect(limits.pace('http', 'sms', null, 0)?.waitMs(0)).toBe(100)
  expect(limits.pace('http', 'email', null, 0)).toBeNull()
})

it('lets go what has a token of each of its limits, which others may share', () => {
  const all = { name: 'all', ratePerSecond: 100 }
  const own = { name: 'own', ratePerSecond: 20 }
  const limits = sharedLimits(
    (_, __, pace) => (pace === null ? [all] : [all, own]),
    () => 1,
  )
  expect(gone(limits, 0, 'own')).toBe(19)
  expect(gone(limits, 1000)).toBe(109)
  expect(gone(limits, 2000, 'own')).toBe(21)
})
