import { expect, it } from 'vitest'
import type { DeliveryState } from '../../schemas/events.js'
import { sampleAttempt, sampleDelivery, sampleStatus } from '../../testing/stages/record/events-sample.js'
import { mergeRecord } from './merge.js'
import { showRecord } from './show.js'

it('shows the provider’s own id of a message with the attempt that it was told in', () => {
  const attempts = [sampleAttempt(1, 4), { ...sampleAttempt(2, 8, 'sent'), messageId: 'SM-1' }]
  const state = mergeRecord(undefined, [sampleStatus(9, { deliveries: [sampleDelivery({ attempts })] })])
  expect(showRecord(state).deliveries[0]?.attempts).toEqual([
    { number: 1, at: '2026-01-01T00:00:00.004Z', outcome: 'transient', error: 'refused', latencyMs: 20 },
    { number: 2, at: '2026-01-01T00:00:00.008Z', outcome: 'sent', latencyMs: 20, providerMessageId: 'SM-1' },
  ])
})

it('says partial where one delivery got through and another failed, once all have ended', () => {
  const told = (...deliveries: readonly (readonly [string, DeliveryState])[]) => {
    const each = deliveries.map(([id, status]) =>
      sampleDelivery({ id, channel: id.split('.')[1] ?? '', status, final: true, siblings: 2 }),
    )
    const { status, partial } = showRecord(mergeRecord(undefined, [sampleStatus(9, { deliveries: each })]))
    return [status, partial]
  }
  expect(told(['n.email', 'sent'], ['n.sms', 'failed'])).toEqual(['sent', true])
  expect(told(['n.email', 'failed'], ['n.inapp', 'delivered'])).toEqual(['delivered', true])
  expect(told(['n.email', 'failed'], ['n.sms', 'suppressed'])).toEqual(['failed', undefined])
  expect(told(['n.email', 'sent'], ['n.sms', 'suppressed'])).toEqual(['sent', undefined])
  expect(told(['n.email', 'failed'])).toEqual(['processing', undefined])
  expect(told(['n.email', 'failed'], ['n.email.r1', 'sent'])).toEqual(['sent', undefined])
})
