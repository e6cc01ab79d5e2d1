import { expect, test } from 'vitest'
import type { BreakerState, Delivery, TrailEntry } from '../../schemas/events.js'
import { routed } from '../../schemas/outgoing.js'
import { at, deliveryOf, limitTo, runThrottle } from '../../testing/stages/throttle/throttle-sample.js'
import type { ThrottleObserver } from './observer.js'

/** Notes what is told. */
function noting(): { readonly told: (readonly unknown[])[]; readonly observer: ThrottleObserver } {
  const told: (readonly unknown[])[] = []
  return {
    told,
    observer: {
      released: ({ id }, waitedMs) => told.push(['released', id, waitedMs]),
      parked: ({ id }, reason) => told.push(['parked', id, reason]),
    },
  }
}

function entry(afterMs: number, stage: string, event: string): TrailEntry {
  return { atMs: at(afterMs), stage, event, channel: 'email', reason: null, detail: null }
}

/** Routed at the time. */
function routedAt(name: string, afterMs: number, changes: Partial<Delivery> = {}): Delivery {
  return deliveryOf(name, { trail: [entry(afterMs, 'route', 'routed')], ...changes })
}

test('what can go at once is told with the time since it was routed', async () => {
  const { told, observer } = noting()
  const run = runThrottle({}, {}, observer)
  await run.append(routed(routedAt('a', -40)))
  expect(told).toEqual([['released', 'a', 40]])
})

test('what is due later has waited since it was due', async () => {
  const { told, observer } = noting()
  const run = runThrottle({}, {}, observer)
  const dueMs = at(60_000)
  await run.append(routed(routedAt('a', -40, { notBeforeMs: dueMs, dueAtMs: dueMs })))
  await run.advance(60_000)
  expect(told).toEqual([
    ['parked', 'a', 'send-at'],
    ['released', 'a', 0],
  ])
})

test('what comes back has waited since deliver sent it back, whatever throttle did before', async () => {
  const { told, observer } = noting()
  const run = runThrottle({}, {}, observer)
  const trail = [entry(-500, 'route', 'routed'), entry(-400, 'throttle', 'released'), entry(-100, 'deliver', 'retried')]
  await run.append(routed(routedAt('a', 0, { trail, deferrals: 1, notBeforeMs: at(900) })))
  await run.advance(900)
  expect(told).toEqual([
    ['parked', 'a', 'retry'],
    ['released', 'a', 1000],
  ])
})

test('each thing that it waits for is told, the one in front and those behind it', async () => {
  const { told, observer } = noting()
  const run = runThrottle({ limitsOf: (provider) => limitTo(provider, provider === 'test' ? 1 : null) }, {}, observer)
  await run.append(routed(routedAt('a', 0)), routed(routedAt('b', 0)))
  const state: BreakerState = 'open'
  const trouble = {
    key: 'ill',
    tenant: 'default',
    provider: 'ill',
    state,
    atMs: at(0),
    retryAtMs: at(5000),
    sinceMs: at(0),
    lastError: 'down',
  }
  run.health.next(trouble)
  await run.append(routed(routedAt('c', 0, { provider: 'ill' })))
  await run.advance(10_000)
  expect(told).toEqual([
    ['parked', 'a', 'limit'],
    ['parked', 'b', 'behind-others'],
    ['parked', 'c', 'breaker-open'],
    ['released', 'a', 1000],
    ['released', 'b', 2000],
    ['released', 'c', 5000],
  ])
})
