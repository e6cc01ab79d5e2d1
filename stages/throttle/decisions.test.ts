import { expect, test } from 'vitest'
import { deliveryOf } from '../../testing/stages/throttle/throttle-sample.js'
import { decideByDestination, decideByTime } from './decisions.js'
import type { Gate } from './gates.js'

const nowMs = 1_000_000
const open: Gate = { open: true }
const closed = (reason: 'breaker-open' | 'limit' | 'credit', retryInMs: number | null): Gate => ({
  open: false,
  reason,
  retryInMs,
})

test.each([
  ['may go', {}, null],
  ['is due at this very moment', { notBeforeMs: nowMs }, null],
  ['is not due', { notBeforeMs: nowMs + 1 }, { kind: 'park-until', reason: 'send-at', untilMs: nowMs + 1 }],
  [
    'came back and is not due',
    { notBeforeMs: nowMs + 1, deferrals: 1 },
    { kind: 'park-until', reason: 'retry', untilMs: nowMs + 1 },
  ],
  ['has expired', { expiresAtMs: nowMs, notBeforeMs: nowMs + 1 }, { kind: 'end', how: 'expired' }],
])('of a delivery that %s its time says so', (_, changes, decision) => {
  expect(decideByTime(deliveryOf('a', changes), () => false, nowMs)).toEqual(decision)
})

test('a cancel ends what comes back, and no first delivery', () => {
  const of = (deferrals: number) => decideByTime(deliveryOf('a', { deferrals }), (id) => id === 'n-a', nowMs)
  expect([of(0), of(1)]).toEqual([null, { kind: 'end', how: 'cancelled' }])
})

test.each([
  ['open', open, false, 10, { kind: 'release' }],
  ['open, but others wait, and credit is worth waiting for', open, true, 10, { kind: 'hold', forMs: 10 }],
  ['open, but others wait', open, true, null, { kind: 'park-for', reason: 'behind-others', retryInMs: null }],
  ['out of credit, which is worth waiting for', closed('credit', null), false, 0, { kind: 'hold', forMs: 1 }],
  [
    'out of credit for long',
    closed('credit', null),
    false,
    null,
    { kind: 'park-for', reason: 'credit', retryInMs: null },
  ],
  ['limited', closed('limit', 20), false, 10, { kind: 'park-for', reason: 'limit', retryInMs: 20 }],
  [
    'in trouble, and others wait',
    closed('breaker-open', 20),
    true,
    10,
    { kind: 'park-for', reason: 'behind-others', retryInMs: 20 },
  ],
] as const)('a destination that is %s decides so', (_, gate, queued, leftMs, decision) => {
  expect(decideByDestination(gate, queued, () => leftMs)).toEqual(decision)
})
