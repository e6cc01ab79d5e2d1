import { expect, it } from 'vitest'
import { sampleEntry } from '../../testing/stages/record/events-sample.js'
import { timelineOf } from './timeline.js'

/** `throttle released`, and `× 2` behind what is told of two. */
function told(trail: Parameters<typeof timelineOf>[0]): string[] {
  return timelineOf(trail).map(({ stage, event, reason, count }) =>
    [stage, event, ...(reason ? [reason] : []), ...(count ? [`× ${count}`] : [])].join(' '),
  )
}

const on =
  (channel: string) =>
  (afterMs: number, stage: string, event: string, reason: string | null = null) =>
    sampleEntry(afterMs, stage, event, { channel, reason })
const email = on('email')
const sms = on('sms')

it('tells deferrals that repeat once, with their count, and what comes after them as it was', () => {
  const trail = [
    email(1, 'throttle', 'released'),
    email(2, 'deliver', 'deferred', 'rate-limited'),
    email(3, 'throttle', 'released'),
    email(4, 'deliver', 'deferred', 'rate-limited'),
    email(5, 'throttle', 'released'),
    email(6, 'deliver', 'deferred', 'rate-limited'),
    email(7, 'throttle', 'released'),
    email(8, 'deliver', 'sent'),
  ]
  expect(told(trail)).toEqual([
    'throttle released',
    'deliver deferred rate-limited × 3',
    'throttle released × 3',
    'deliver sent',
  ])
})

it('does not count a deferral for another reason, or of another channel, as the same', () => {
  const trail = [
    email(1, 'deliver', 'deferred', 'rate-limited'),
    sms(2, 'deliver', 'deferred', 'rate-limited'),
    email(3, 'deliver', 'deferred', 'breaker-open'),
    sms(4, 'deliver', 'deferred', 'rate-limited'),
    email(5, 'deliver', 'deferred', 'breaker-open'),
  ]
  expect(told(trail)).toEqual([
    'deliver deferred rate-limited',
    'deliver deferred rate-limited × 2',
    'deliver deferred breaker-open × 2',
  ])
})

it('begins to count anew after a round that went another way', () => {
  const trail = [
    email(1, 'deliver', 'deferred'),
    email(2, 'deliver', 'deferred'),
    email(3, 'deliver', 'retried'),
    email(4, 'deliver', 'deferred'),
    email(5, 'deliver', 'deferred'),
  ]
  expect(told(trail)).toEqual(['deliver deferred × 2', 'deliver retried', 'deliver deferred × 2'])
})

it('leaves retries alone', () => {
  const trail = [1, 2, 3].flatMap((round) => [
    email(round * 2, 'deliver', 'retried', 'transient'),
    email(round * 2 + 1, 'throttle', 'released'),
  ])
  expect(timelineOf(trail)).toHaveLength(6)
})
