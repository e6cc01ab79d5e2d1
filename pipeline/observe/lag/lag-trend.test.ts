import { expect, test } from 'vitest'
import { partitionLag, readingOf, requested } from '../../../testing/observe/lag/reading-sample.js'
import { lagTrend } from './lag-trend.js'

const { high, low } = requested

test('a stage’s lag is told by lane: what waits, its age, the part of retention that it has used, what is lost', () => {
  const trend = lagTrend(60_000)
  const partitions = [
    partitionLag(high, 3, { oldestMs: 40_000 }),
    partitionLag(high, 2, { oldestMs: 20_000, partition: 1 }),
    partitionLag(low, 0, { lost: 7 }),
  ]
  expect(trend.note(readingOf(50_000, partitions, { members: new Map([['dedupe', 2]]) }))).toEqual([
    {
      stage: 'dedupe',
      lanes: [
        { lane: 'high', waiting: 5, ageMs: 30_000, retentionUsed: 0.3, lost: 0 },
        { lane: 'low', waiting: 0, ageMs: 0, retentionUsed: 0, lost: 7 },
      ],
      ...{ waiting: 5, ageMs: 30_000, retentionUsed: 0.3, lost: 7, members: 2 },
      ...{ inPerSecond: null, outPerSecond: null, drainMs: null },
    },
  ])
})

test('an age that was not read is not known, and one before the writer’s clock is none', () => {
  const [unknown] = lagTrend(60_000).note(readingOf(50_000, [partitionLag(high, 3)]))
  expect([unknown?.ageMs, unknown?.retentionUsed]).toEqual([null, null])
  const [ahead] = lagTrend(60_000).note(readingOf(50_000, [partitionLag(high, 3, { oldestMs: 51_000 })]))
  expect(ahead?.ageMs).toBe(0)
})

test('what nobody told the retention of has no risk, and what is kept for ever has none', () => {
  const partitions = [partitionLag(high, 1, { oldestMs: 0 })]
  const used = (keptMs: number | undefined) =>
    lagTrend(60_000).note(readingOf(50_000, partitions, { retentionMs: () => keptMs }))[0]?.retentionUsed
  expect([used(undefined), used(Number.POSITIVE_INFINITY), used(25_000)]).toEqual([null, 0, 2])
})

/** What the trend tells after readings of (second, written, acked). */
function trendOf(windowMs: number, ...readings: readonly (readonly [number, number, number])[]) {
  const trend = lagTrend(windowMs)
  const told = readings.map(([second, end, committed]) => {
    const lag = partitionLag(high, end - committed, { end, committed })
    return trend.note(readingOf(second * 1000, [lag]))[0]
  })
  const { inPerSecond, outPerSecond, drainMs } = told.at(-1) ?? {}
  return { inPerSecond, outPerSecond, drainMs }
}

test.each([
  [
    'shrinks: what waits over the net rate',
    [
      [0, 1000, 0],
      [10, 1100, 500],
    ],
    { inPerSecond: 10, outPerSecond: 50, drainMs: 15_000 },
  ],
  [
    'grows: for ever',
    [
      [0, 1000, 0],
      [10, 2000, 500],
    ],
    { inPerSecond: 100, outPerSecond: 50, drainMs: Infinity },
  ],
  [
    'stands still: for ever',
    [
      [0, 1000, 500],
      [10, 1000, 500],
    ],
    { inPerSecond: 0, outPerSecond: 0, drainMs: Infinity },
  ],
  [
    'is gone: no time',
    [
      [0, 1000, 500],
      [10, 1100, 1100],
    ],
    { inPerSecond: 10, outPerSecond: 60, drainMs: 0 },
  ],
  ['was none and is none', [[0, 5, 5]], { inPerSecond: null, outPerSecond: null, drainMs: 0 }],
  ['is seen for the first time: not known', [[0, 5, 0]], { inPerSecond: null, outPerSecond: null, drainMs: null }],
] as const)('the drain estimate of a lag that %s', (_, readings, told) => {
  expect(trendOf(60_000, ...readings)).toEqual(told)
})

test('rates are means over the window, and over two readings where those are further apart', () => {
  const before = [0, 100_000, 0] as const
  const within = [
    [30, 100_000, 3000],
    [60, 100_000, 9000],
    [90, 100_000, 15_000],
  ] as const
  expect(trendOf(60_000, before, ...within).outPerSecond).toBe(200)
  expect(trendOf(10_000, before, ...within).outPerSecond).toBe(200)
  expect(trendOf(90_000, before, ...within).outPerSecond).toBeCloseTo(15_000 / 90)
})

test('a reading that lacks a partition is compared with no other', () => {
  const trend = lagTrend(60_000)
  const both = [partitionLag(high, 10), partitionLag(high, 90, { partition: 1 })]
  trend.note(readingOf(0, both))
  const [without] = trend.note(readingOf(10_000, both.slice(0, 1), { incomplete: new Set(['dedupe']) }))
  expect(without).toMatchObject({ waiting: 10, drainMs: null, inPerSecond: null, outPerSecond: null })
  const [again] = trend.note(readingOf(20_000, [partitionLag(high, 10), partitionLag(high, 40, { partition: 1 })]))
  expect(again?.drainMs).toBe(20_000)
})
