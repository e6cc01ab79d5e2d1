import { asyncScheduler, firstValueFrom, of } from 'rxjs'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { quietContext } from '../../testing/stages/context-sample.js'
import {
  deliverDefaults,
  deliverUnobserved,
  down,
  pending,
  runDeliver,
  sent,
} from '../../testing/stages/deliver/deliver-sample.js'
import { at, deliveryOf } from '../../testing/stages/throttle/throttle-sample.js'
import { deliver } from './deliver.js'
import type { SendResult } from './providers/provider.js'

afterEach(() => {
  vi.restoreAllMocks()
})

const never = () => new Promise<SendResult>(() => undefined)

test('a call carries the delivery’s id as its key, and its outcome ends the delivery with the whole trail', async () => {
  const run = runDeliver({ test: { answer: () => ({ outcome: 'sent', detail: '250 OK' }) } })
  await run.release(deliveryOf('a'))
  expect(run.calls).toEqual([{ provider: 'test', key: 'a', attempt: 1, afterMs: 0 }])
  const attempts = [{ number: 1, atMs: at(0), outcome: 'sent', error: null, latencyMs: 0, messageId: null }]
  const entry = { atMs: at(0), stage: 'deliver', event: 'sent', channel: 'email', reason: null, detail: '250 OK' }
  expect(run.told('notifications.status', 'notification-status').map(({ value }) => value)).toEqual([
    {
      eventId: 'a-sent-1-0',
      notificationId: 'n-a',
      tenant: 'default',
      recipient: 'user-42',
      atMs: at(0),
      status: null,
      duplicateOf: null,
      summary: null,
      deliveries: [{ id: 'a', channel: 'email', provider: 'test', status: 'sent', final: true, siblings: 1, attempts }],
      trail: [entry],
      traceparent: null,
    },
  ])
  expect([run.back(), run.deadLetters()]).toEqual([[], []])
})

describe('what an answer leads to', () => {
  const outcomes: readonly [SendResult, string | null, string | null][] = [
    [{ outcome: 'sent' }, 'sent', null],
    [{ outcome: 'delivered' }, 'delivered', null],
    [{ outcome: 'permanent', error: 'refused' }, 'failed', 'permanent-error'],
    [{ outcome: 'recipient', error: 'no such user' }, 'failed', null],
    [{ outcome: 'transient', error: 'busy' }, null, null],
    [{ outcome: 'rate-limited', error: 'slow down', retryAfterMs: 5000 }, null, null],
  ]
  test.each(outcomes)('%o', async (result, end, cause) => {
    const run = runDeliver({ test: { answer: () => result } }, { random: () => 0.5 })
    await run.release(deliveryOf('a'))
    const ended = run.statuses().filter(({ final }) => final)
    expect(ended).toEqual(end === null ? [] : [{ id: 'a', status: end, final: true }])
    expect(run.deadLetters().map((letter) => letter.cause)).toEqual(cause === null ? [] : [cause])
    expect(run.back().length).toBe(end === null ? 1 : 0)
  })

  test('a transient one spends an attempt and comes back after the first wait of its schedule', async () => {
    const run = runDeliver({ test: { answer: () => down } }, { random: () => 0.5 })
    await run.release(deliveryOf('a'))
    const [again] = run.back()
    expect([again?.attempts.length, again?.deferrals, again?.notBeforeMs]).toEqual([1, 0, at(1000)])
    expect(run.statuses()).toEqual([{ id: 'a', status: 'scheduled', final: false }])
  })

  test.each([
    [5000, 5000],
    [10, 1000],
    [10 * 3_600_000, 3_600_000],
  ])('one with Retry-After %i spends none, and waits %i and at most a quarter more', async (retryAfterMs, waitMs) => {
    const answer = (): SendResult => ({ outcome: 'rate-limited', error: 'slow down', retryAfterMs })
    const run = runDeliver({ test: { answer } }, { random: () => 0.5 })
    await run.release(deliveryOf('a'))
    const [again] = run.back()
    expect([again?.attempts.length, again?.deferrals, again?.notBeforeMs]).toEqual([0, 1, at(waitMs * 1.125)])
  })
})

test('what has expired is not called', async () => {
  const run = runDeliver({ test: { answer: () => sent, policy: { ratePerSecond: 1 } } })
  await run.release(deliveryOf('a', { expiresAtMs: at(0) }), deliveryOf('b', { expiresAtMs: at(2500) }))
  await run.release(deliveryOf('c', { expiresAtMs: at(2500) }), deliveryOf('d'))
  await run.advance(10_000)
  expect(run.calls.map(({ key }) => key)).toEqual(['b', 'd'])
  const ends = run.statuses().map(({ id, status }) => `${id} ${status}`)
  expect(ends.sort()).toEqual(['a expired', 'b sent', 'c expired', 'd sent'])
})

test('a delivery for a provider that is no more fails, and is kept for a replay', async () => {
  const run = runDeliver({ test: { answer: () => sent } })
  await run.release(deliveryOf('a', { provider: 'gone' }), deliveryOf('b'))
  expect(run.statuses()).toEqual([
    { id: 'a', status: 'failed', final: true },
    { id: 'b', status: 'sent', final: true },
  ])
  expect(run.deadLetters().map(({ cause }) => cause)).toEqual(['unknown-provider'])
})

describe('a provider that breaks its contract', () => {
  test('by not answering is given up at its time-out, and told to stop', async () => {
    const signals: AbortSignal[] = []
    const answer = (_: unknown, signal: AbortSignal) => {
      signals.push(signal)
      return never()
    }
    const run = runDeliver({ test: { answer, policy: { timeoutMs: 3000 } } })
    await run.release(deliveryOf('a'))
    await run.advance(2999)
    expect([run.back(), signals.map(({ aborted }) => aborted)]).toEqual([[], [false]])
    await run.advance(1)
    const [again] = run.back()
    expect(again?.attempts).toEqual([
      {
        number: 1,
        atMs: at(0),
        outcome: 'transient',
        error: 'No answer within 3000 ms',
        latencyMs: 3000,
        messageId: null,
      },
    ])
    expect(signals.map(({ aborted }) => aborted)).toEqual([true])
  })

  test.each([
    ['rejecting', () => Promise.reject(new TypeError('secret words'))],
    [
      'throwing',
      () => {
        throw new TypeError('secret words')
      },
    ],
  ])('by %s counts as transient, and its words go nowhere', async (_, answer) => {
    const run = runDeliver({ test: { answer } })
    await run.release(deliveryOf('a'))
    expect(run.back().map(({ attempts }) => attempts.map(({ error }) => error))).toEqual([
      ['The provider failed with TypeError'],
    ])
    expect(run.deadLetters()).toEqual([])
  })
})

test('no more calls are under way than the provider takes, and its rate is kept', async () => {
  let active = 0
  let most = 0
  const answer = async () => {
    most = Math.max(most, ++active)
    await new Promise<void>((resolve) => {
      run.clock.scheduler.schedule(() => resolve(), 450)
    })
    active--
    return sent
  }
  const run = runDeliver({ test: { answer, policy: { concurrency: 3, ratePerSecond: 5 } } })
  await run.release(...Array.from({ length: 20 }, (_, index) => deliveryOf(`d-${index}`)))
  await run.advance(20_000)
  expect(run.calls.map(({ key, afterMs }) => [key, afterMs])).toEqual(
    Array.from({ length: 20 }, (_, index) => [`d-${index}`, (index + 1) * 200]),
  )
  expect(most).toBe(3)
})

test('high goes first in the line before a provider, then normal, then low', async () => {
  const run = runDeliver({ test: { answer: () => sent, policy: { ratePerSecond: 1 } } })
  for (const priority of ['low', 'normal', 'high'] as const) {
    await run.release(...[1, 2].map((number) => deliveryOf(`${priority}-${number}`, { priority })))
  }
  await run.advance(10_000)
  expect(run.calls.map(({ key }) => key)).toEqual(['high-1', 'high-2', 'normal-1', 'normal-2', 'low-1', 'low-2'])
})

test('a provider that hangs delays nobody else', async () => {
  const run = runDeliver({ stuck: { answer: never, policy: { concurrency: 2 } }, test: { answer: () => sent } })
  await run.release(...Array.from({ length: 200 }, (_, index) => deliveryOf(`s-${index}`, { provider: 'stuck' })))
  await run.release(...Array.from({ length: 200 }, (_, index) => deliveryOf(`d-${index}`)))
  expect(run.statuses().length).toBe(200)
  expect(run.calls.filter(({ provider, afterMs }) => provider === 'test' && afterMs === 0).length).toBe(200)
})

test('a drain finishes the calls in hand and leaves what stands in line', async () => {
  const gates = [pending(), pending()]
  let call = 0
  const answer = () => gates[call++]?.promise ?? sent
  const run = runDeliver({ test: { answer, policy: { concurrency: 2 } } })
  await run.release(...['a', 'b', 'c', 'd'].map((id) => deliveryOf(id)))
  const stopped = run.worker().stop(60_000)
  await run.advance(1000)
  expect(run.calls.length).toBe(2)
  for (const { resolve } of gates) {
    resolve(sent)
    await run.advance(0)
  }
  await run.during(stopped)
  expect(run.statuses().map(({ id }) => id)).toEqual(['a', 'b'])
  expect([run.calls.length, run.afterMs()]).toEqual([2, 1000])
  await run.restart()
  expect(run.calls.map(({ key }) => key)).toEqual(['a', 'b', 'c', 'd'])
  expect(run.statuses().map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd'])
})

test('trouble with its state ends one life of the stage and reaches its worker', async () => {
  const trouble = new Error('the disk')
  const refuse = () => {
    throw trouble
  }
  const scope = { lane: 'normal', partition: 0 } as const
  const context = {
    ...quietContext,
    clock: asyncScheduler,
    state: () => ({ get: refuse, put: refuse, delete: refuse, range: refuse }),
    scopes: () => [scope],
  }
  const binding = { provider: { name: 'test', send: refuse, destination: () => null, close: async () => undefined } }
  const policy = { ratePerSecond: null, concurrency: 1, timeoutMs: 1000, onUnknown: 'resend' } as const
  const ports = {
    bindings: new Map([['test', { ...binding, policy }]]),
    called: () => undefined,
    observer: deliverUnobserved,
  }
  const value = { delivery: deliveryOf('a'), releasedAtMs: 0 }
  const record = {
    event: 'delivery-released',
    value,
    recordId: 'r-0',
    scope,
    timestampMs: 0,
    headers: {},
    firstDelivery: false,
  } as const
  const steps = of({ records: [record] }).pipe(deliver(ports, deliverDefaults).operator(context))
  await expect(firstValueFrom(steps)).rejects.toBe(trouble)
})
