/** How often and for how long a delivery is tried, with throttle before deliver, in virtual time. */
import { afterEach, expect, test, vi } from 'vitest'
import type { Priority } from '../../schemas/events.js'
import { routed } from '../../schemas/outgoing.js'
import { down, runDeliver, sent } from '../../testing/stages/deliver/deliver-sample.js'
import { deliveryOf } from '../../testing/stages/throttle/throttle-sample.js'
import type { SendResult } from './providers/provider.js'
import type { RetrySchedule } from './retry-schedule.js'

afterEach(() => {
  vi.restoreAllMocks()
})

const breakerOff = { failures: 1000, halfOpenAfterMs: 1000, maxHalfOpenAfterMs: 1000 }
const minute = 60_000

test('a delivery is tried by its schedule, whose last wait repeats, and given up at its end with its bytes kept', async () => {
  const retryOf = (): RetrySchedule => ({ kind: 'waits', waitsMs: [1000, 10_000, minute], giveUpAfterMs: 4 * minute })
  const run = runDeliver(
    { test: { answer: () => down } },
    { withThrottle: true, random: () => 0.5, options: { breaker: breakerOff, retryOf } },
  )
  await run.append(routed(deliveryOf('a')))
  await run.advance(10 * minute)
  const due = [0, 1000, 11_000, 71_000, 131_000, 191_000, 240_000]
  expect(run.calls.map(({ afterMs, attempt }) => [Math.round(afterMs / 100) * 100, attempt])).toEqual(
    due.map((afterMs, index) => [afterMs, index + 1]),
  )
  const last = run.told('notifications.status', 'notification-status').at(-1)?.value
  expect(last?.deliveries[0]).toMatchObject({ id: 'a', status: 'failed', final: true })
  expect(last?.trail.at(-1)).toMatchObject({ stage: 'deliver', event: 'failed', reason: 'gave-up', detail: 'down' })
  expect(run.deadLetters()).toEqual([{ cause: 'gave-up', notificationId: 'n-a', detail: 'down' }])
})

test.each([
  ['high', 6],
  ['normal', 4],
  ['low', 3],
] as const)(
  'where calls are counted, a delivery of priority %s is tried %i times, then given up with its bytes kept',
  async (priority, times) => {
    const retryOf = (): RetrySchedule => {
      return { kind: 'counted', retries: times - 1, baseMs: 1000, maxMs: 300_000, giveUpAfterMs: 24 * 3_600_000 }
    }
    const options = { breaker: breakerOff, retryOf }
    const run = runDeliver({ test: { answer: () => down } }, { withThrottle: true, options })
    await run.append(routed(deliveryOf('a', { priority: priority satisfies Priority })))
    await run.advance(3_600_000)
    expect(run.calls.map(({ key, attempt }) => [key, attempt])).toEqual(
      Array.from({ length: times }, (_, index) => ['a', index + 1]),
    )
    expect(run.statuses().at(-1)).toEqual({ id: 'a', status: 'failed', final: true })
    expect(run.deadLetters()).toEqual([{ cause: 'attempts-exhausted', notificationId: 'n-a', detail: 'down' }])
  },
)

test('messages that come while their provider is away for 15 minutes all arrive, without a breaker too', async () => {
  const retryOf = (): RetrySchedule => {
    return { kind: 'waits', waitsMs: [2000, 10_000, 30_000, 2 * minute, 10 * minute], giveUpAfterMs: 4 * 60 * minute }
  }
  const answer = () => (run.afterMs() < 15 * minute ? down : sent)
  const run = runDeliver({ test: { answer } }, { withThrottle: true, options: { breaker: breakerOff, retryOf } })
  for (let index = 0; index < 20; index++) {
    await run.append(routed(deliveryOf(`d-${index}`)))
    await run.advance(5000)
  }
  await run.advance(30 * minute)
  const ends = run.statuses().filter(({ final }) => final)
  expect([ends.length, new Set(ends.map(({ status }) => status))]).toEqual([20, new Set(['sent'])])
})

test('an outage of two minutes costs 3,000 e-mails delay, few calls and nothing else', async () => {
  const answer = () => (run.afterMs() < 2 * minute ? down : sent)
  const retryOf = (): RetrySchedule => {
    return { kind: 'waits', waitsMs: [30_000, 2 * minute, 10 * minute], giveUpAfterMs: 48 * 60 * minute }
  }
  const run = runDeliver({ test: { answer } }, { withThrottle: true, options: { retryOf } })
  await run.append(...Array.from({ length: 3000 }, (_, index) => routed(deliveryOf(`d-${index}`))))
  await run.advance(20 * minute)
  const ends = run.told('notifications.status', 'notification-status').flatMap(({ value }) => value.deliveries)
  const ended = ends.filter(({ final }) => final)
  const spent = ended.reduce((sum, { attempts }) => sum + attempts.length - 1, 0)
  expect([ended.length, new Set(ended.map(({ id, status }) => `${id} ${status}`)).size]).toEqual([3000, 3000])
  expect(ended.every(({ status }) => status === 'sent')).toBe(true)
  // The failures that opened the breaker and its probes; the breaker itself spends none.
  expect([spent < 25, run.calls.length]).toEqual([true, 3000 + spent])
})

test('a limit for ever ends with the time of its retries', async () => {
  const answer = (): SendResult => ({ outcome: 'rate-limited', error: 'slow down', retryAfterMs: 30_000 })
  const retryOf = (): RetrySchedule => ({ kind: 'waits', waitsMs: [1000], giveUpAfterMs: 10 * minute })
  const run = runDeliver({ test: { answer } }, { withThrottle: true, options: { retryOf } })
  await run.append(routed(deliveryOf('a')))
  await run.advance(9 * minute)
  expect(run.statuses().filter(({ final }) => final)).toEqual([])
  await run.advance(2 * minute)
  expect(run.statuses().at(-1)).toEqual({ id: 'a', status: 'failed', final: true })
  expect(run.deadLetters().map(({ cause }) => cause)).toEqual(['gave-up'])
})

test('what its provider’s breaker held back until its time was over is given up without a call', async () => {
  const retryOf = (): RetrySchedule => ({ kind: 'waits', waitsMs: [1000], giveUpAfterMs: 10 * minute })
  const breaker = { failures: 1, halfOpenAfterMs: 60 * minute, maxHalfOpenAfterMs: 60 * minute }
  const run = runDeliver({ test: { answer: () => down } }, { withThrottle: true, options: { breaker, retryOf } })
  await run.append(routed(deliveryOf('first')))
  await run.append(routed(deliveryOf('held')))
  await run.advance(3 * 60 * minute)
  expect(run.calls.map(({ key }) => key)).toEqual(['first'])
  const ends = run.statuses().filter(({ final }) => final)
  expect(ends.map(({ id, status }) => `${id} ${status}`).sort()).toEqual(['first failed', 'held failed'])
  expect(run.deadLetters().map(({ cause }) => cause)).toEqual(['gave-up', 'gave-up'])
})

test('a delivery that a provider limits for hours is neither lost nor given up', async () => {
  let calls = 0
  const answer = (): SendResult =>
    ++calls <= 40 ? { outcome: 'rate-limited', error: 'slow down', retryAfterMs: 600_000 } : sent
  const run = runDeliver({ test: { answer } }, { withThrottle: true })
  await run.append(routed(deliveryOf('a', { priority: 'low' })))
  await run.advance(12 * 3_600_000)
  expect([run.calls.length, new Set(run.calls.map(({ attempt }) => attempt)).size]).toEqual([41, 1])
  expect(run.statuses().at(-1)).toEqual({ id: 'a', status: 'sent', final: true })
})
