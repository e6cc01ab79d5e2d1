import { describe, expect, it } from 'vitest'
import type { DeliveryState, NotificationStatus } from '../../schemas/events.js'
import { sampleDelivery, sampleStatus, sampleSummary, startMs } from '../../testing/stages/record/events-sample.js'
import { endsOf } from './ends.js'
import { mergeRecord } from './merge.js'
import { acceptedState, type RecordState } from './state.js'

const written = acceptedState('n-1', 'default', sampleSummary())

function end(afterMs: number, status: DeliveryState, channel = 'email', siblings = 1): NotificationStatus {
  return sampleStatus(afterMs, { deliveries: [sampleDelivery({ status, channel, siblings, final: true })] })
}

/** The ends of a merge that is stored after so long, as `priority status took`. */
function told(before: RecordState | undefined, events: readonly NotificationStatus[], storedAfterMs = 100): string[] {
  const merged = { before, events, after: mergeRecord(before, events) }
  return endsOf(merged, startMs + storedAfterMs).map(
    ({ priority, status, tookMs }) => `${priority} ${status} ${tookMs}`,
  )
}

describe('the ends of a merge', () => {
  it('are those of deliveries, each with the time from acceptance', () => {
    const events = [end(70, 'delivered', 'inapp', 2), end(80, 'failed', 'email', 2)]
    expect(told(written, events)).toEqual(['high failed 100', 'high delivered 100'])
  })

  it('are told of every way to end', () => {
    const states = ['delivered', 'sent', 'failed', 'expired', 'cancelled', 'suppressed'] as const
    expect(states.flatMap((status) => told(written, [end(70, status)]))).toEqual(
      states.map((status) => `high ${status} 100`),
    )
  })

  it('are simulated where no provider carried it', () => {
    const taken = sampleDelivery({ status: 'sent', provider: 'outbox', final: true })
    expect(told(written, [sampleStatus(70, { deliveries: [taken] })])).toEqual(['high simulated 100'])
  })

  it('count from the time that was asked for, where that is later; before it nothing was waited', () => {
    const later = acceptedState('n-1', 'default', sampleSummary({ sendAtMs: startMs + 60, priority: 'low' }))
    expect(told(later, [end(70, 'sent')])).toEqual(['low sent 40'])
    expect(told(later, [end(10, 'cancelled')], 20)).toEqual(['low cancelled 0'])
  })

  it('are none while nothing has ended', () => {
    const released = sampleStatus(40, { deliveries: [sampleDelivery({ status: 'sending' })] })
    const sent = sampleStatus(50, { deliveries: [sampleDelivery({ status: 'sent', final: false })] })
    expect(told(written, [released, sent])).toEqual([])
  })

  it('are told once, however often their events are merged, and whatever better end comes after', () => {
    const known = mergeRecord(written, [end(70, 'failed')])
    expect(told(known, [end(70, 'failed')])).toEqual([])
    expect(told(known, [end(90, 'delivered')])).toEqual([])
    const first = mergeRecord(written, [end(70, 'delivered', 'inapp', 2)])
    expect(told(first, [end(70, 'delivered', 'inapp', 2), end(80, 'sent', 'email', 2)])).toEqual(['high sent 100'])
  })

  it('are that of a notification which failed before it had a delivery, once', () => {
    const failed = sampleStatus(30, { status: 'failed' })
    expect(told(written, [failed])).toEqual(['high failed 100'])
    expect(told(mergeRecord(written, [failed]), [failed])).toEqual([])
  })

  it('are none of duplicates and rejections, nor of what nobody said when it was accepted', () => {
    expect(
      told(written, [sampleStatus(30, { status: 'duplicate' }), sampleStatus(30, { status: 'rejected' })]),
    ).toEqual([])
    expect(told(undefined, [end(70, 'sent')])).toEqual([])
  })
})
