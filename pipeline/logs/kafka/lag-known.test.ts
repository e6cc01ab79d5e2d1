import { expect, test } from 'vitest'
import { knownStretches, type Stretch } from './lag-known.js'

const stretch = (committed: number | null, end: number, start = 0): Stretch => ({ committed, start, end })
const record = (offset: number, writtenMs: number) => ({ kind: 'record', offset, writtenMs }) as const
const none = (until: number) => ({ kind: 'none', until }) as const

test('the oldest record is looked for once, until the commits pass it', () => {
  const known = knownStretches()
  expect(known.unknownFrom('p', stretch(null, 0))).toBeNull()
  expect(known.unknownFrom('p', stretch(4, 9))).toBe(4)
  known.note('p', stretch(4, 9), record(6, 100), 0)
  for (const committed of [4, 5, 6]) expect(known.unknownFrom('p', stretch(committed, 12))).toBeNull()
  expect(known.waiting('p', stretch(5, 12))).toEqual({ records: 6, oldestMs: 100, lost: 0 })
  expect(known.unknownFrom('p', stretch(7, 12))).toBe(7)
  expect(known.waiting('p', stretch(7, 12))).toEqual({ records: 5, oldestMs: null, lost: 0 })
})

test('a group that went back is asked for anew', () => {
  const known = knownStretches()
  known.note('p', stretch(4, 9), record(6, 100), 0)
  expect(known.unknownFrom('p', stretch(2, 9))).toBe(2)
})

test('where nothing was found only what came later is looked at', () => {
  const known = knownStretches()
  known.note('p', stretch(4, 5), none(5), 0)
  expect(known.unknownFrom('p', stretch(4, 5))).toBeNull()
  expect(known.waiting('p', stretch(4, 5))).toEqual({ records: 0, oldestMs: null, lost: 0 })
  expect(known.unknownFrom('p', stretch(4, 8))).toBe(5)
})

test('what cannot be read waits from when it was first seen, not from when there was nothing', () => {
  const known = knownStretches()
  known.note('p', stretch(4, 5), none(5), 1000)
  known.note('p', stretch(4, 8), none(5), 9000)
  known.note('p', stretch(4, 9), none(5), 9500)
  expect(known.waiting('p', stretch(4, 9))).toEqual({ records: 4, oldestMs: 9000, lost: 0 })
})

test.each([
  ['unknown', [], 3, 7, 4],
  ['unknown, and so short that it may be a mark', [], 6, 7, 0],
  ['known to hold nothing', [none(7)], 3, 7, 0],
  ['known to begin with a record', [record(5, 1)], 3, 7, 2],
  ['never settled by anybody', [], null, 7, 0],
] as const)('of a stretch that retention took, and that was %s', (_, found, committed, start, lost) => {
  const known = knownStretches()
  for (const first of found) known.note('p', stretch(committed, 7), first, 0)
  expect(known.waiting('p', stretch(committed, 9, start)).lost).toBe(lost)
})
