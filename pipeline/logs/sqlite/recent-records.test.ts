import { expect, test } from 'vitest'
import { request, requests, textOf, wayOf } from '../../../testing/engine/log-under-test.js'
import type { Partition } from './partition-table.js'
import { recentRecords } from './recent-records.js'

const partition: Partition = { id: 1, topic: wayOf('notifications.requested', 'high'), partition: 0, end: 0 }
const other: Partition = { ...partition, id: 2, partition: 1 }
const roomy = 2 ** 30

test('records are given once, from where the reader stands, across what was added in parts', () => {
  const recent = recentRecords()
  recent.add(partition, 10, requests('high', 3, 1))
  recent.add(partition, 13, requests('high', 2, 1))
  const taken = [
    recent.take(partition, 10, 2, roomy),
    recent.take(partition, 12, 9, roomy),
    recent.take(partition, 13, 9, roomy),
    recent.take(partition, 15, 9, roomy),
    recent.take(partition, 10, 9, roomy),
  ]
  expect(taken.map((records) => records.map(({ offset }) => offset))).toEqual([[10, 11], [12], [13, 14], [], []])
})

test('a reader that stands before or behind what is known looks in the file', () => {
  const recent = recentRecords()
  recent.add(partition, 10, requests('high', 3, 1))
  expect(recent.take(partition, 9, 5, roomy)).toEqual([])
  expect(recent.take(other, 10, 5, roomy)).toEqual([])
  expect(recent.take(partition, 11, 5, roomy).map(({ offset }) => offset)).toEqual([11, 12])
})

test('what failed to commit is forgotten', () => {
  const recent = recentRecords()
  recent.add(partition, 0, requests('high', 3, 1))
  recent.clear()
  recent.add(partition, 0, [request('high', 'k', 'another')])
  expect(recent.take(partition, 0, 5, roomy).map(textOf)).toEqual(['another'])
})

test('it holds a bounded number of bytes: the oldest go', () => {
  const recent = recentRecords()
  const large = () => [{ ...request('high', 'k', null), value: Buffer.alloc(1024 * 1024) }]
  for (let offset = 0; offset < 20; offset++) recent.add(partition, offset, large())
  recent.add(other, 0, requests('high', 1, 1))
  const held = Array.from({ length: 20 }, (_, offset) => recent.take(partition, offset, 1, roomy).length)
  expect(held.slice(0, 10)).toEqual(Array(10).fill(0))
  expect([held.at(-1), recent.take(other, 0, 1, roomy).length]).toEqual([1, 1])
})
