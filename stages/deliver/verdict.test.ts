import { describe, expect, test } from 'vitest'
import { sampleRequest } from '../../testing/stages/deliver/delivery-sample.js'
import type { SendResult } from './providers/provider.js'
import { judge, type RetryOptions } from './verdict.js'

const options: RetryOptions = { baseMs: 1000, maxMs: 60_000, retryAfterMinMs: 1000, retryAfterMaxMs: 3_600_000 }
const nowMs = 1_700_000_000_000
const attempt = { number: 1, atMs: nowMs - 5000, outcome: 'transient', error: 'down', latencyMs: 3, messageId: null }

function verdictOn(result: SendResult, attempts = 0, random = 0.5, deferrals = 0) {
  const before = Array.from({ length: attempts }, (_, index) => ({ ...attempt, number: index + 1 }))
  const { delivery } = sampleRequest({ attempts: before, deferrals })
  const call = { result, startedMs: nowMs - 20.4, latencyMs: 20.4 }
  return judge(delivery, call, nowMs, options, () => random)
}

test('a call is told as an attempt, in whole milliseconds, with an error of bounded length', () => {
  const { delivery } = verdictOn({ outcome: 'permanent', error: 'x'.repeat(2000) }, 1)
  expect(delivery.attempts.at(-1)).toEqual({
    number: 2,
    atMs: nowMs - 20.4,
    outcome: 'permanent',
    error: 'x'.repeat(500),
    latencyMs: 20,
    messageId: null,
  })
})

test('the id that the provider gave to the message is kept with the attempt', () => {
  const { delivery } = verdictOn({ outcome: 'sent', messageId: 'SM-1' })
  expect(delivery.attempts.map(({ messageId }) => messageId)).toEqual(['SM-1'])
})

describe('after a transient failure', () => {
  test.each([
    [0, 0.5, 500],
    [1, 0.5, 1000],
    [2, 0.999, 3996],
    [0, 0, 0],
  ])('with %i attempts before, the wait is drawn from a range that doubles', (attempts, random, waitMs) => {
    const verdict = verdictOn({ outcome: 'transient', error: 'down' }, attempts, random)
    expect([verdict.kind, verdict.delivery.notBeforeMs]).toEqual(['again', nowMs + waitMs])
  })

  test('the last attempt ends it', () => {
    const verdict = verdictOn({ outcome: 'transient', error: 'down' }, 3)
    expect(verdict).toMatchObject({ kind: 'ended', state: 'failed', deadLetter: 'attempts-exhausted' })
    expect(verdict.delivery.attempts.length).toBe(4)
  })
})

describe('after a limit', () => {
  const limited = (retryAfterMs: number | null): SendResult => ({
    outcome: 'rate-limited',
    error: 'slow',
    retryAfterMs,
  })
  test.each([
    [5000, 0, 5000],
    [5000, 0.999, 6249],
    [0, 0, 1000],
    [-5, 0, 1000],
    [99_999_999, 0, 3_600_000],
    [99_999_999, 0.999, 4_499_100],
  ])('Retry-After %i is clamped and jittered, and no attempt is spent', (retryAfterMs, random, waitMs) => {
    const { kind, delivery } = verdictOn(limited(retryAfterMs), 3, random)
    expect([kind, delivery.notBeforeMs, delivery.attempts.length, delivery.deferrals]).toEqual([
      'again',
      nowMs + waitMs,
      3,
      1,
    ])
  })

  test('one that names no time backs off by the number of deferrals', () => {
    const waits = [0, 1, 5, 1000].map((deferrals) => verdictOn(limited(null), 0, 0.5, deferrals).delivery.notBeforeMs)
    expect(waits.map((at) => (at ?? 0) - nowMs)).toEqual([1125, 1125, 18_000, 33_750])
  })
})
