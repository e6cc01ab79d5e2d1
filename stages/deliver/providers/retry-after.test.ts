import { expect, test } from 'vitest'
import { retryAfterMs } from './retry-after.js'

const nowMs = Date.parse('2026-03-01T12:00:00Z')
const wait = (headers: Record<string, string>, limited = true) => retryAfterMs(headers, nowMs, limited)

test.each([
  ['seconds', { 'retry-after': '120' }, 120_000],
  ['an IMF-fixdate', { 'retry-after': 'Sun, 01 Mar 2026 12:00:30 GMT' }, 30_000],
  ['a date of RFC 850', { 'retry-after': 'Sunday, 01-Mar-26 12:00:30 GMT' }, 30_000],
  ['a date of asctime, which is GMT wherever it is read', { 'retry-after': 'Sun Mar  1 12:00:30 2026' }, 30_000],
  ['a date in the past', { 'retry-after': 'Sun, 06 Nov 1994 08:49:37 GMT' }, 0],
  ['a year of RFC 850 in the last century', { 'retry-after': 'Sunday, 06-Nov-94 08:49:37 GMT' }, 0],
  ['milliseconds', { 'retry-after-ms': '1500.5', 'retry-after': '2' }, 1501],
  ['X-Retry-After', { 'x-retry-after': '7' }, 7000],
  ['RateLimit-Reset, in seconds', { 'ratelimit-reset': '30' }, 30_000],
  ['X-RateLimit-Reset, in seconds since the epoch', { 'x-ratelimit-reset': String(nowMs / 1000 + 45) }, 45_000],
  ['the same in milliseconds', { 'x-ratelimit-reset': String(nowMs + 45_000) }, 45_000],
  ['RateLimit as a structured field', { ratelimit: '"default";r=0;t=12' }, 12_000],
] as const)('%s', (_, headers, ms) => {
  expect(wait(headers)).toBe(ms)
})

test.each(['', 'soon', '-5', '1.5', 'Sun, 31 Foo 2026 12:00:00 GMT', '2026-03-01T12:00:30Z', '99999999999'])(
  'Retry-After "%s" says nothing',
  (header) => {
    expect(wait({ 'retry-after': header })).toBeNull()
  },
)

test('the headers on limits count only where the answer is a limit', () => {
  expect([wait({ 'ratelimit-reset': '30' }, false), wait({ 'retry-after': '30' }, false)]).toEqual([null, 30_000])
})
