import { describe, expect, test } from 'vitest'
import type { Delivery } from '../../schemas/events.js'
import { sampleRequest } from '../../testing/stages/deliver/delivery-sample.js'
import { type Classification, classify } from './classification.js'
import type { SendResult } from './providers/provider.js'
import type { RetrySchedule } from './retry-schedule.js'

const minute = 60_000
const day = 24 * 60 * minute
const schedule: RetrySchedule = { kind: 'waits', waitsMs: [5000, 30_000, 2 * minute], giveUpAfterMs: day }
const contractC: RetrySchedule = { kind: 'counted', retries: 3, baseMs: 1000, maxMs: minute, giveUpAfterMs: day }
const bounds = { retryAfterMinMs: 1000, retryAfterMaxMs: 3_600_000 }
const nowMs = 1_700_000_000_000
const attempt = { number: 1, atMs: nowMs - 5000, outcome: 'transient', error: 'down', latencyMs: 3, messageId: null }

interface Before extends Partial<Omit<Delivery, 'attempts' | 'message'>> {
  readonly attempts?: number
  readonly random?: number
  readonly by?: RetrySchedule
}

function classified(result: SendResult, { attempts = 0, random = 0.5, by = schedule, ...changes }: Before = {}) {
  const before = Array.from({ length: attempts }, (_, index) => ({ ...attempt, number: index + 1 }))
  const { delivery } = sampleRequest({ attempts: before, ...changes })
  const call = { result, startedMs: nowMs - 20, latencyMs: 20.4 }
  return classify(delivery, call, { nowMs, schedule: by, bounds, random: () => random })
}

/** How long until the next call, in milliseconds. */
const waitOf = (classification: Classification) => (classification.delivery.notBeforeMs ?? Number.NaN) - nowMs
const down: SendResult = { outcome: 'transient', error: 'down' }

test('a call is told as an attempt, in whole milliseconds, with an error of bounded length', () => {
  const { delivery } = classified({ outcome: 'permanent', error: 'x'.repeat(2000) }, { attempts: 1 })
  expect(delivery.attempts.at(-1)).toEqual({
    number: 2,
    atMs: nowMs - 20,
    outcome: 'permanent',
    error: 'x'.repeat(500),
    latencyMs: 20,
    messageId: null,
  })
})

test('the id that the provider gave to the message is kept with the attempt', () => {
  const { delivery } = classified({ outcome: 'sent', messageId: 'SM-1' })
  expect(delivery.attempts.map(({ messageId }) => messageId)).toEqual(['SM-1'])
})

describe('after a transient failure', () => {
  test.each([
    [0, 0.5, 5000],
    [0, 0, 4000],
    [0, 0.999, 5998],
    [1, 0.5, 30_000],
    [2, 0.5, 2 * minute],
    [9, 0.5, 2 * minute],
  ])(
    'with %i attempts before, the wait is that of the schedule, a fifth shorter or longer',
    (attempts, random, waitMs) => {
      const classification = classified(down, { attempts, random })
      expect([classification.kind, waitOf(classification)]).toEqual(['again', waitMs])
    },
  )

  test('the last call is made at the end of its time, which counts from the first', () => {
    const triedFromMs = nowMs - day + 1000
    expect(waitOf(classified(down, { attempts: 5, triedFromMs }))).toBe(1000)
  })

  test('then it is given up', () => {
    const classification = classified(down, { attempts: 5, triedFromMs: nowMs - day })
    expect(classification).toMatchObject({ kind: 'ended', state: 'failed', deadLetter: 'gave-up', reason: 'gave-up' })
    expect(classification.delivery.attempts.length).toBe(6)
  })

  test('the time counts from the first attempt where an earlier release began', () => {
    expect(classified(down, { attempts: 1 }).delivery.triedFromMs).toBe(nowMs - 5000)
    expect(classified(down).delivery.triedFromMs).toBe(nowMs - 20)
  })

  test('what expires before the next call waits no longer than until then', () => {
    expect(waitOf(classified(down, { expiresAtMs: nowMs + 3000 }))).toBe(3000)
  })

  test('a time that the answer names is waited for, and jittered upwards only', () => {
    const waits = [0, 0.5].map((random) =>
      waitOf(classified({ ...down, retryAfterMs: minute }, { attempts: 0, random })),
    )
    expect(waits).toEqual([minute, minute * 1.125])
  })

  test('but not a short one for ever: once the last wait repeats, it is the least', () => {
    const waitAfter = (attempts: number) => waitOf(classified({ ...down, retryAfterMs: 2000 }, { attempts, random: 0 }))
    expect([waitAfter(0), waitAfter(1), waitAfter(2), waitAfter(40)]).toEqual([2000, 2000, 2 * minute, 2 * minute])
  })

  test('of very many calls the later ones are spread over the time that is left', () => {
    const impatient: RetrySchedule = { kind: 'waits', waitsMs: [1000], giveUpAfterMs: day }
    const waitAfter = (attempts: number) => waitOf(classified(down, { attempts, by: impatient, triedFromMs: nowMs }))
    expect([waitAfter(98), waitAfter(99), waitAfter(198), waitAfter(500)]).toEqual([1000, day / 100, day, day])
  })
})

describe('by contract C', () => {
  test.each([
    [0, 0.5, 500],
    [1, 0.5, 1000],
    [2, 0.999, 3996],
    [0, 0, 0],
  ])('with %i attempts before, the wait is drawn from a range that doubles', (attempts, random, waitMs) => {
    expect(waitOf(classified(down, { attempts, random, by: contractC }))).toBe(waitMs)
  })

  test('the last attempt ends it', () => {
    const classification = classified(down, { attempts: 3, by: contractC })
    expect(classification).toMatchObject({ kind: 'ended', state: 'failed', deadLetter: 'attempts-exhausted' })
    expect(classification.delivery.attempts.length).toBe(4)
  })
})

test('a refusal that may be mended is tried again after each of its waits, then it counts', () => {
  const refused: SendResult = { outcome: 'permanent', error: 'no', againAfterMs: [2 * minute, 8 * minute] }
  const past = (...outcomes: readonly string[]) => {
    const { delivery } = sampleRequest({ attempts: outcomes.map((outcome) => ({ ...attempt, outcome })) })
    const call = { result: refused, startedMs: nowMs, latencyMs: 1 }
    return classify(delivery, call, { nowMs, schedule, bounds, random: () => 0.5 })
  }
  expect([past(), past('permanent'), past('permanent', 'transient')].map(waitOf)).toEqual([
    2 * minute,
    8 * minute,
    8 * minute,
  ])
  expect(past('permanent', 'transient', 'permanent')).toMatchObject({ kind: 'ended', deadLetter: 'permanent-error' })
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
    const classification = classified(limited(retryAfterMs), { attempts: 3, random })
    const { kind, delivery } = classification
    expect([kind, waitOf(classification), delivery.attempts.length, delivery.deferrals]).toEqual([
      'again',
      waitMs,
      3,
      1,
    ])
  })

  test.each([
    ['the schedule', schedule, [5000, 30_000, 120_000, 120_000]],
    ['contract C', contractC, [1000, 1000, 16_000, 30_000]],
  ] as const)('one that names no time waits by the number of deferrals, as %s says', (_, by, expected) => {
    const waits = [0, 1, 5, 1000].map((deferrals) => waitOf(classified(limited(null), { deferrals, by })))
    expect(waits).toEqual(expected.map((ms) => ms * 1.125))
  })

  test('a limit for ever ends with its time', () => {
    const triedFromMs = nowMs - day
    expect(classified(limited(5000), { triedFromMs, deferrals: 99 })).toMatchObject({
      kind: 'ended',
      reason: 'gave-up',
    })
  })
})
