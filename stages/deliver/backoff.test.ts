import { expect, test } from 'vitest'
import { backoffMs, maxAttempts } from './backoff.js'

const wait = (attempt: number, random: number) =>
  backoffMs({ attempt, baseMs: 1_000, maxMs: 60_000, random: () => random })

test('the longest wait doubles with each attempt until it reaches the maximum', () => {
  const longest = [1, 2, 3, 4, 5, 6, 7, 8, 2_000].map((attempt) => wait(attempt, 1 - Number.EPSILON))
  expect(longest).toEqual([999, 1_999, 3_999, 7_999, 15_999, 31_999, 59_999, 59_999, 59_999])
})

test('the jitter takes the whole range from nothing to the longest wait', () => {
  expect([0, 0.25, 0.5, 0.75].map((random) => wait(3, random))).toEqual([0, 1_000, 2_000, 3_000])
})

test('a high delivery is called six times, a normal one four and a low one three', () => {
  expect((['high', 'normal', 'low'] as const).map(maxAttempts)).toEqual([6, 4, 3])
})
