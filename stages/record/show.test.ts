import { expect, it } from 'vitest'
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
