import { describe, expect, it } from 'vitest'
import type { NotificationStatus } from '../../schemas/events.js'
import {
  sampleAttempt,
  sampleDelivery,
  sampleStatus,
  sampleSummary,
  startMs,
} from '../../testing/stages/record/events-sample.js'
import { acceptedChange, changesOf, type Merged, showChange } from './changes.js'
import { mergeRecord } from './merge.js'
import { acceptedState, type RecordState } from './state.js'

const accepted = sampleStatus(10, { status: 'accepted', summary: sampleSummary() })
const released = sampleStatus(40, { deliveries: [sampleDelivery({ status: 'sending' })] })
const ended = sampleStatus(90, { deliveries: [sampleDelivery({ status: 'delivered', final: true })] })
const written = acceptedState('n-1', 'default', sampleSummary())

function merged(before: RecordState | undefined, ...events: NotificationStatus[]): Merged {
  return { before, events, after: mergeRecord(before, events) }
}

/** What is told, as `status at inbox`. */
function told(before: RecordState | undefined, events: NotificationStatus[], again = false): string[] {
  return changesOf(merged(before, ...events), again).map(
    ({ status, atMs, inbox }) => `${status} ${atMs - startMs}${inbox ? ' inbox' : ''}`,
  )
}

describe('the changes of a merge', () => {
  it('are every status that the notification went through, in order, though all of it was merged in one go', () => {
    const all = ['accepted 10', 'processing 40', 'delivered 90']
    expect(told(undefined, [accepted, released, ended])).toEqual(all)
    expect(told(undefined, [ended, released, accepted])).toEqual(all)
    expect(told(written, [ended, released])).toEqual(['processing 40', 'delivered 90'])
  })

  it('begin with the acceptance, whatever the clocks of two machines say', () => {
    const late = { ...accepted, atMs: startMs + 60 }
    expect(told(undefined, [released, late, ended])).toEqual(['accepted 60', 'processing 60', 'delivered 90'])
  })

  it('are none where the public status stays as it was, or was merged before', () => {
    const known = mergeRecord(written, [released])
    expect(told(known, [sampleStatus(50, { deliveries: [sampleDelivery({ status: 'sending' })] })])).toEqual([])
    expect(told(mergeRecord(known, [ended]), [released, ended])).toEqual([])
  })

  it('never go back in time', () => {
    const known = mergeRecord(written, [sampleStatus(100, { deliveries: [sampleDelivery({ status: 'queued' })] })])
    expect(told(known, [ended])).toEqual(['delivered 100'])
  })

  it('are told once more where an earlier merge may not have been told', () => {
    const known = mergeRecord(written, [released, ended])
    expect(told(known, [released, ended], true)).toEqual(['delivered 90'])
    expect(told(written, [released], true)).toEqual(['processing 40'])
  })

  it('say that a message came into an inbox, with the status or without', () => {
    const inapp = sampleDelivery({ channel: 'inapp', status: 'delivered', final: true, siblings: 2 })
    const arrived = sampleStatus(50, { deliveries: [inapp] })
    const email = sampleStatus(60, { deliveries: [sampleDelivery({ status: 'failed', final: true, siblings: 2 })] })
    expect(told(written, [arrived])).toEqual(['processing 50 inbox'])
    expect(told(mergeRecord(written, [released]), [arrived, email])).toEqual(['null 50 inbox', 'delivered 60'])
    const noArrivals = [
      { ...inapp, status: 'sent' as const },
      { ...inapp, final: false },
      { ...inapp, channel: 'email' },
    ]
    const known = mergeRecord(written, [released])
    for (const delivery of noArrivals) expect(told(known, [sampleStatus(50, { deliveries: [delivery] })])).toEqual([])
  })

  it('say of what waits for another try that it was on its way', () => {
    const known = mergeRecord(written, [released])
    const deliveries = [sampleDelivery({ status: 'scheduled', attempts: [sampleAttempt(1, 50, 'transient')] })]
    const [back] = changesOf(merged(known, sampleStatus(60, { deliveries })))
    expect(back).toMatchObject({ status: 'scheduled', waitsAgain: true })
    const [parked] = changesOf(
      merged(written, sampleStatus(20, { deliveries: [sampleDelivery({ status: 'scheduled' })] })),
    )
    expect(parked).toMatchObject({ status: 'scheduled', waitsAgain: false })
  })

  it('say whose they are and by which contract they came, native where that is not known', () => {
    const change = { notificationId: 'n-1', tenant: 'default', recipient: 'user-42', inbox: false, waitsAgain: false }
    const byC = acceptedState('n-1', 'default', sampleSummary({ origin: 'c' }))
    expect(changesOf(merged(byC, released))).toEqual([
      { ...change, status: 'processing', origin: 'c', atMs: startMs + 40 },
    ])
    expect(changesOf(merged(undefined, released))).toEqual([
      { ...change, status: 'processing', origin: 'native', atMs: startMs + 40 },
    ])
  })
})

it('a watcher sees a change as it was told; a status that it does not know is none', () => {
  const [change] = changesOf(merged(written, released))
  const flags = { inbox: false, waitsAgain: false }
  const shown = { id: 'n-1', recipient: 'user-42', origin: 'native', ...flags, at: '2026-01-01T00:00:00.040Z' }
  expect(change && showChange(change)).toEqual({ ...shown, status: 'processing' })
  expect(change && showChange({ ...change, status: 'of-tomorrow' })).toEqual({ ...shown, status: null })
  const request = { id: 'n-1', recipient: 'user-42', origin: '', acceptedAtMs: startMs + 40 }
  expect(acceptedChange(request)).toEqual({ ...shown, status: 'accepted' })
})
