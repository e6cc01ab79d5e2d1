import { expect, test } from 'vitest'
import {
  type ConcurrencyLimiter,
  type ConcurrencyLimiterOptions,
  concurrencyLimiter,
  type LoadSignal,
} from './concurrency-limiter.js'

const usual: ConcurrencyLimiterOptions = { concurrency: 32, parts: 3, cautious: 32 }

/** Begins as many calls as the part may have more; how many. */
function fill(places: ConcurrencyLimiter, part: string | null): number {
  let count = 0
  while (places.allows(part)) {
    places.started(part)
    count++
  }
  return count
}

/** Calls that a part may have under way after it was called with these signals. */
function after(signals: readonly LoadSignal[], options: Partial<ConcurrencyLimiterOptions> = {}): number {
  const places = concurrencyLimiter({ ...usual, parts: 1, cautious: 5, ...options })
  for (const reception of signals) {
    places.started('sms')
    places.ended('sms', reception)
  }
  return fill(places, 'sms')
}

test('a channel has at most three quarters of the calls, and one after the other leaves some to the next', () => {
  const places = concurrencyLimiter(usual)
  expect(['sms', 'push', 'email'].map((part) => fill(places, part))).toEqual([24, 6, 1])
  expect(places.isFull()).toBe(false)
})

test('an only channel, and a provider without parts, has all calls', () => {
  const places = [concurrencyLimiter({ ...usual, parts: 1 }), concurrencyLimiter({ ...usual, parts: null })]
  expect([places[0] && fill(places[0], 'sms'), places[1] && fill(places[1], null)]).toEqual([32, 32])
  expect(places.map((each) => each.isFull())).toEqual([true, true])
})

test('a host has a quarter of them, and small providers carry something too', () => {
  expect(fill(concurrencyLimiter({ ...usual, parts: null }), 'host:443')).toBe(8)
  const small = (concurrency: number, parts: number | null) =>
    fill(concurrencyLimiter({ ...usual, concurrency, parts }), 'sms')
  expect([1, 2, 3, 4].map((concurrency) => [small(concurrency, 3), small(concurrency, null)])).toEqual([
    [1, 1],
    [1, 1],
    [2, 1],
    [3, 1],
  ])
})

test('bad answers halve what may be under way, good ones let one more go, refusals of the breaker say nothing', () => {
  const ill = (times: number) => Array<LoadSignal>(times).fill('overloaded')
  const well = (times: number) => Array<LoadSignal>(times).fill('ok')
  expect([
    after([]),
    after(ill(1)),
    after(ill(2)),
    after(ill(9)),
    after([...ill(9), ...well(4)]),
    after([...ill(9), ...well(1000)]),
    after([...ill(9), ...Array<LoadSignal>(9).fill('not-called')]),
    after(ill(9), { concurrency: 3 }),
  ]).toEqual([32, 16, 8, 5, 9, 32, 5, 3])
})

test('what one part did says nothing of another', () => {
  const places = concurrencyLimiter({ ...usual, cautious: 5 })
  for (let call = 0; call < 10; call++) {
    places.started('sms')
    places.ended('sms', 'overloaded')
  }
  expect([fill(places, 'sms'), fill(places, 'email')]).toEqual([5, 20])
})

test('of very many parts in trouble some are forgotten, never one that is being called', () => {
  const places = concurrencyLimiter({ ...usual, parts: null, cautious: 1 })
  const fail = (part: string) => {
    places.started(part)
    places.ended(part, 'overloaded')
  }
  for (let call = 0; call < 5; call++) fail('busy')
  places.started('busy')
  for (let host = 0; host < 20_000; host++) for (let call = 0; call < 5; call++) fail(`host-${host}`)
  expect([places.allows('busy'), fill(places, 'host-0'), fill(places, 'host-19999')]).toEqual([false, 8, 1])
})
