import { expect, test } from 'vitest'
import { request, wayOf } from '../../testing/engine/log-under-test.js'
import type { Assignment, LogRecord } from './log.js'
import { offsetTracker } from './offset-tracker.js'
import { seededRandom } from './seeded-random.js'

const topic = wayOf('notifications.requested', 'high')

function recordAt(offset: number, partition = 0): LogRecord {
  return { ...request('high', null, null), topic, partition, offset }
}

const startAt =
  (next: number, ackedAhead: readonly number[] = [], firstDeliveryFrom = 0) =>
  ({ topic, partition }: Assignment) => ({ topic, partition, next, ackedAhead, firstDeliveryFrom })

test('whatever the order, the first unsettled offset and what is settled beyond it are known', () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const random = seededRandom(seed)
    const tracker = offsetTracker(startAt(0))
    const left = Array.from({ length: 200 }, (_, offset) => offset)
    const acked = new Set<number>()
    while (left.length > 0) {
      const [offset = 0] = left.splice(Math.floor(random() * Math.min(left.length, 30)), 1)
      acked.add(offset)
      tracker.ack(recordAt(offset))
      const next = left.length > 0 ? Math.min(...left) : 200
      const ackedAhead = [...acked].filter((each) => each > next).sort((a, b) => a - b)
      expect(tracker.takeMoved()).toEqual([{ topic, partition: 0, next, ackedAhead }])
      expect(tracker.takeMoved()).toEqual([])
    }
  }
})

test('what was settled before is known, and settling it again moves nothing', () => {
  const tracker = offsetTracker(startAt(10, [12, 15]))
  const known = [10, 11, 12, 13, 14, 15, 16].filter((offset) => tracker.isAcked(recordAt(offset)))
  expect(known).toEqual([12, 15])
  tracker.ack(recordAt(9))
  tracker.ack(recordAt(12))
  expect(tracker.takeMoved()).toEqual([{ topic, partition: 0, next: 10, ackedAhead: [12, 15] }])
  tracker.ack(recordAt(11))
  tracker.ack(recordAt(10))
  expect(tracker.takeMoved()).toEqual([{ topic, partition: 0, next: 13, ackedAhead: [15] }])
})

test('partitions are tracked apart, and only those that moved are told', () => {
  const tracker = offsetTracker(startAt(0))
  for (const partition of [0, 1, 2]) tracker.isAcked(recordAt(0, partition))
  tracker.ack(recordAt(0, 1))
  expect(tracker.takeMoved()).toEqual([{ topic, partition: 1, next: 1, ackedAhead: [] }])
})

test('records that were there before are not fresh, those written since are', () => {
  const tracker = offsetTracker(startAt(3, [], 7))
  expect([3, 6, 7, 8].map((offset) => tracker.isFresh(recordAt(offset)))).toEqual([false, false, true, true])
})

test('a partition that was given away begins anew where it then stands', () => {
  let next = 0
  const tracker = offsetTracker((assignment) => startAt(next)(assignment))
  tracker.ack(recordAt(0))
  tracker.ack(recordAt(5))
  next = 20
  tracker.forget([{ topic, partition: 0 }])
  tracker.ack(recordAt(20))
  expect(tracker.takeMoved()).toEqual([{ topic, partition: 0, next: 21, ackedAhead: [] }])
})
