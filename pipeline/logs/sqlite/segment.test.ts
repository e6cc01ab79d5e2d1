import { expect, test } from 'vitest'
import { request } from '../../../testing/engine/log-under-test.js'
import type { NewRecord } from '../../engine/log.js'
import { seededRandom } from '../../engine/seeded-random.js'
import { pack, segmentBytes, segmentRecords, skip, unpack } from './segment.js'

/** A record's own part, in terms that compare. */
function plain({ key, value, headers, timestampMs }: Pick<NewRecord, 'key' | 'value' | 'headers' | 'timestampMs'>) {
  const hex = (bytes: Uint8Array | null) => (bytes ? Buffer.from(bytes).toString('hex') : null)
  return { key: hex(key), value: hex(value), headers: { ...headers }, timestampMs }
}

function unpackAll(bytes: Buffer, count: number): object[] {
  const records: object[] = []
  let at = 0
  for (let index = 0; index < count; index++) {
    expect(skip(bytes, 0, index)).toBe(at)
    const { record, next } = unpack(bytes, at)
    records.push(plain(record))
    at = next
  }
  expect(at).toBe(bytes.length)
  return records
}

test('records come out as they went in: nothing, emptiness and every byte', () => {
  const records = [
    request('high', 'key', 'value'),
    request('high', null, null),
    request('high', '', ''),
    request('high', 'ключ', 'ä', { headers: { traceparent: '00-a', '': 'ö' }, timestampMs: 0.5 }),
    request('high', 'k', null, { headers: { only: 'headers' } }),
    { ...request('high', 'k', null), value: Uint8Array.from({ length: 256 }, (_, index) => index) },
  ]
  const [segment] = pack(records)
  expect(segment?.count).toBe(records.length)
  expect(unpackAll(segment?.bytes ?? Buffer.alloc(0), records.length)).toEqual(records.map(plain))
})

test('whatever the sizes, segments keep their bounds, the order, and every record', () => {
  const random = seededRandom(7)
  const records = Array.from({ length: 3000 }, (_, index) => {
    const size = random() < 0.01 ? 300_000 : Math.floor(random() * 400)
    return { ...request('low', `k-${index}`, null), value: Buffer.alloc(size, index % 256) }
  })
  const segments = pack(records)
  const tooLarge = segments.filter(
    ({ count, bytes }) => count > segmentRecords || (count > 1 && bytes.length > segmentBytes),
  )
  expect(tooLarge).toEqual([])
  expect(segments.flatMap(({ bytes, count }) => unpackAll(bytes, count))).toEqual(records.map(plain))
})

test('nothing packs into nothing', () => {
  expect(pack([])).toEqual([])
})
