import { describe, expect, it } from 'vitest'
import type { Attempt, DeliveryStatus, NotificationStatus, TrailEntry } from '../../schemas/events.js'
import {
  sampleAttempt,
  sampleDelivery,
  sampleEntry,
  sampleStatus,
  sampleSummary,
  startMs,
} from '../../testing/stages/record/events-sample.js'
import { keptAttempts } from './deliveries.js'
import { groupByNotification, mergeRecord } from './merge.js'
import { showRecord } from './show.js'
import { acceptedState, type RecordState } from './state.js'
import { statusOf } from './status.js'
import { trailKeptAtEachEnd } from './trail.js'

/** mulberry32: the same numbers for the same seed. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const states = [
  'queued',
  'scheduled',
  'sending',
  'sent',
  'delivered',
  'failed',
  'expired',
  'cancelled',
  'suppressed',
] as const

/** Events as they never were: small domains, so that everything collides with everything. */
function anyEvents(next: () => number, count: number, entries: number): NotificationStatus[] {
  const below = (bound: number) => Math.floor(next() * bound)
  const one = <T>(values: readonly T[]): T => values[below(values.length)] as T
  const attempt = (): Attempt => ({ ...sampleAttempt(1 + below(4), below(6), one(['unknown', 'sent', 'transient'])) })
  const delivery = (): DeliveryStatus =>
    sampleDelivery({
      channel: one(['email', 'sms', 'push']),
      provider: one([null, 'a', 'b']),
      status: one(states),
      final: next() < 0.3,
      siblings: 1 + below(3),
      attempts: Array.from({ length: below(5) }, attempt),
    })
  const entry = (): TrailEntry =>
    sampleEntry(
      below(30),
      one(['route', 'throttle', 'deliver', 'elsewhere']),
      one(['parked', 'deferred', 'released']),
      {
        channel: one([null, 'email', 'sms']),
        reason: one([null, 'credit', 'rate-limited']),
        detail: one([null, 'a', 'b']),
      },
    )
  return Array.from({ length: count }, () =>
    sampleStatus(below(20), {
      status: one([null, null, null, 'accepted', 'failed', 'suppressed', 'duplicate', 'rejected']),
      duplicateOf: one([null, 'n-0', 'n-00']),
      summary: one([null, sampleSummary(), sampleSummary({ correlationId: 'c-2', channels: [] })]),
      deliveries: Array.from({ length: below(3) }, delivery),
      trail: Array.from({ length: below(entries) }, entry),
    }),
  )
}

/** Merges in another order, in portions, some more than once. */
function mergeOtherwise(events: readonly NotificationStatus[], next: () => number): RecordState | undefined {
  const repeated = events.flatMap((event) => (next() < 0.4 ? [event, event] : [event]))
  const shuffled = repeated
    .map((event) => ({ event, at: next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ event }) => event)
  let state: RecordState | undefined
  for (let at = 0; at < shuffled.length; ) {
    const portion = 1 + Math.floor(next() * 4)
    state = mergeRecord(state, shuffled.slice(at, at + portion))
    at += portion
  }
  return state
}

describe('the merge of status events', () => {
  it.each([
    ['few entries', 4],
    ['more entries than are kept', 120],
  ])('gives the same record in any order, in any portions and with repetitions: %s', (_name, entries) => {
    for (let seed = 1; seed <= 150; seed++) {
      const next = random(seed)
      const events = anyEvents(next, 2 + Math.floor(next() * 10), entries)
      const state = mergeRecord(undefined, events)
      for (let round = 0; round < 4; round++) {
        const other = mergeOtherwise(events, next)
        expect(other, `seed ${seed}`).toEqual(state)
      }
    }
  })

  it('never leaves a best end of all deliveries for a worse status', () => {
    const rank = ['failed', 'suppressed', 'expired', 'cancelled', 'sent', 'delivered']
    for (let seed = 1; seed <= 200; seed++) {
      const events = anyEvents(random(seed), 12, 1).map((event) => ({
        ...event,
        deliveries: event.deliveries.slice(0, 1).map((told): DeliveryStatus => {
          const final = told.final && rank.includes(told.status)
          return { ...told, final, channel: 'email', id: 'one', siblings: 1 }
        }),
      }))
      let state: RecordState | undefined
      let reached = -1
      for (const event of events) {
        state = mergeRecord(state, [event])
        const [delivery] = state.deliveries
        const now = delivery?.final ? rank.indexOf(statusOf(state)) : -1
        expect(now, `seed ${seed}`).toBeGreaterThanOrEqual(reached)
        reached = now
      }
    }
  })

  it('keeps the first and the last entries of a long trail', () => {
    const trail = Array.from({ length: 450 }, (_, at) => sampleEntry(at, 'throttle', 'parked'))
    const state = mergeRecord(undefined, [sampleStatus(0, { trail })])
    const kept = [...trail.slice(0, trailKeptAtEachEnd), ...trail.slice(-trailKeptAtEachEnd)]
    expect(state.trail).toEqual(kept)
  })

  it('keeps the last calls of a delivery', () => {
    const attempts = Array.from({ length: 70 }, (_, at) => sampleAttempt(at + 1, at * 100))
    const state = mergeRecord(undefined, [sampleStatus(0, { deliveries: [sampleDelivery({ attempts })] })])
    expect(state.deliveries[0]?.attempts).toEqual(attempts.slice(-keptAttempts))
  })

  it('takes the later knowledge of a delivery under way, and a final one before any other', () => {
    const told = (afterMs: number, changes: Partial<DeliveryStatus>) =>
      sampleStatus(afterMs, { deliveries: [sampleDelivery(changes)] })
    const states = (...events: NotificationStatus[]) => mergeRecord(undefined, events).deliveries.map((d) => d.status)
    const oneCall = [sampleAttempt(1, 1)]
    expect(states(told(5, { status: 'scheduled' }), told(9, { status: 'sending' }))).toEqual(['sending'])
    expect(states(told(9, { status: 'scheduled' }), told(5, { status: 'sending' }))).toEqual(['scheduled'])
    expect(states(told(5, { status: 'scheduled', attempts: oneCall }), told(9, { status: 'sending' }))).toEqual([
      'scheduled',
    ])
    expect(states(told(5, { status: 'queued' }), told(5, { status: 'sending' }))).toEqual(['sending'])
    expect(states(told(1, { status: 'failed', final: true }), told(9, { status: 'sending' }))).toEqual(['failed'])
    expect(states(told(9, { status: 'expired', final: true }), told(1, { status: 'sent', final: true }))).toEqual([
      'sent',
    ])
  })

  it('groups events by notification and tenant', () => {
    const events = [
      sampleStatus(1),
      sampleStatus(2, { notificationId: 'n-2' }),
      sampleStatus(3, { tenant: 'other' }),
      sampleStatus(4),
    ]
    expect([...groupByNotification(events)]).toEqual([[events[0], events[3]], [events[1]], [events[2]]])
  })
})

describe('the status of a notification', () => {
  const statusAfter = (...events: NotificationStatus[]) =>
    statusOf(mergeRecord(acceptedState('n-1', 'default', sampleSummary()), events))
  const email = (changes: Partial<DeliveryStatus>) => sampleDelivery({ siblings: 2, ...changes })
  const sms = (changes: Partial<DeliveryStatus>) => sampleDelivery({ channel: 'sms', siblings: 2, ...changes })

  it('is accepted until something is told', () => {
    expect(statusAfter()).toBe('accepted')
    expect(statusAfter(sampleStatus(1, { status: 'accepted' }))).toBe('accepted')
  })

  it('is scheduled while all that is unfinished waits for its time', () => {
    const scheduled = email({ status: 'scheduled' })
    expect(statusAfter(sampleStatus(1, { deliveries: [scheduled] }))).toBe('scheduled')
    expect(statusAfter(sampleStatus(1, { deliveries: [scheduled, sms({ status: 'sent', final: true })] }))).toBe(
      'scheduled',
    )
    expect(statusAfter(sampleStatus(1, { deliveries: [scheduled, sms({})] }))).toBe('processing')
  })

  it('is, of different ends, delivered or sent, else failed, else expired, cancelled, simulated, suppressed', () => {
    const order = ['delivered', 'sent', 'failed', 'expired', 'cancelled', 'simulated', 'suppressed'] as const
    const of = (end: (typeof order)[number], channel: string) => {
      const told = end === 'simulated' ? ({ status: 'sent', provider: 'outbox' } as const) : { status: end }
      return sampleDelivery({ id: channel, channel, final: true, siblings: 2, ...told })
    }
    const pairs = order.flatMap((first, at) => order.slice(at).map((second) => [first, second] as const))
    for (const [first, second] of pairs) {
      const both = [of(first, 'email'), of(second, 'sms')]
      expect(statusAfter(sampleStatus(1, { deliveries: both })), `${first}, ${second}`).toBe(first)
      expect(statusAfter(sampleStatus(1, { deliveries: both.toReversed() })), `${second}, ${first}`).toBe(first)
    }
  })

  it('is that of the replay where a failed delivery was replayed', () => {
    const failed = email({ id: 'n-1.email', siblings: 1, status: 'failed', final: true })
    const renewed = (status: DeliveryStatus['status']) =>
      email({ id: 'n-1.email.r1', siblings: 1, status, final: true })
    expect(statusAfter(sampleStatus(1, { deliveries: [failed, renewed('cancelled')] }))).toBe('cancelled')
    expect(statusAfter(sampleStatus(1, { deliveries: [failed, renewed('sent')] }))).toBe('sent')
  })

  it('is processing until every delivery has ended, and then the best of their ends', () => {
    const failed = email({ status: 'failed', final: true })
    const sent = sms({ status: 'sent', final: true })
    expect(statusAfter(sampleStatus(1, { deliveries: [failed] }))).toBe('processing')
    expect(statusAfter(sampleStatus(1, { deliveries: [sms({ status: 'sent' }), failed] }))).toBe('processing')
    expect(statusAfter(sampleStatus(1, { deliveries: [failed] }), sampleStatus(2, { deliveries: [sent] }))).toBe('sent')
  })

  it('is what no delivery tells, until a delivery is heard of later', () => {
    const failed = sampleStatus(5, { status: 'failed' })
    expect(statusAfter(failed)).toBe('failed')
    expect(statusAfter(failed, sampleStatus(4, { deliveries: [sampleDelivery()] }))).toBe('failed')
    expect(statusAfter(failed, sampleStatus(6, { deliveries: [sampleDelivery()] }))).toBe('processing')
    const sent = sampleStatus(7, { deliveries: [sampleDelivery({ status: 'sent', final: true })] })
    expect(statusAfter(failed, sent)).toBe('sent')
  })
})

describe('the record that is shown', () => {
  it('tells everything that is known', () => {
    const trail = [
      sampleEntry(0, 'ingress', 'accepted'),
      sampleEntry(3, 'route', 'routed', { channel: 'email', detail: 'smtp' }),
      sampleEntry(9, 'deliver', 'sent', { channel: 'email', reason: 'first' }),
    ]
    const attempts = [sampleAttempt(1, 4), sampleAttempt(2, 8, 'sent')]
    const events = [sampleStatus(9, { deliveries: [sampleDelivery({ status: 'sent', final: true, attempts })], trail })]
    const summary = sampleSummary({ sendAtMs: startMs + 2, batchId: 'b-1' })
    expect(showRecord(mergeRecord(acceptedState('n-1', 'default', summary), events))).toEqual({
      id: 'n-1',
      status: 'sent',
      recipient: 'user-42',
      channels: ['email'],
      template: { id: 'welcome', version: 3 },
      priority: 'high',
      sendAt: '2026-01-01T00:00:00.002Z',
      createdAt: '2026-01-01T00:00:00.000Z',
      updatedAt: '2026-01-01T00:00:00.009Z',
      batchId: 'b-1',
      correlationId: 'c-1',
      metadata: { order: 7 },
      origin: 'native',
      deliveries: [
        {
          id: 'n-1:email',
          channel: 'email',
          provider: 'smtp',
          status: 'sent',
          attempts: [
            { number: 1, at: '2026-01-01T00:00:00.004Z', outcome: 'transient', error: 'refused', latencyMs: 20 },
            { number: 2, at: '2026-01-01T00:00:00.008Z', outcome: 'sent', latencyMs: 20 },
          ],
        },
      ],
      timeline: [
        { at: '2026-01-01T00:00:00.000Z', stage: 'ingress', event: 'accepted' },
        { at: '2026-01-01T00:00:00.003Z', stage: 'route', event: 'routed', channel: 'email', detail: 'smtp' },
        { at: '2026-01-01T00:00:00.009Z', stage: 'deliver', event: 'sent', channel: 'email', reason: 'first' },
      ],
    })
  })

  it('shows the channels taken where none were asked for', () => {
    const told = [sampleDelivery({ channel: 'sms', siblings: 2 }), sampleDelivery({ siblings: 2 })]
    const state = mergeRecord(undefined, [
      sampleStatus(1, { deliveries: told, summary: sampleSummary({ channels: [] }) }),
    ])
    expect(showRecord(state).channels).toEqual(['email', 'sms'])
  })
})
