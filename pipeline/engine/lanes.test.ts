import { expect, test } from 'vitest'
import { type Lane, lanes } from '../../schemas/streams.js'
import { minimumShare, shareOut } from './lanes.js'
import { seededRandom } from './seeded-random.js'

type Counts = Readonly<Record<Lane, number>>

test('high goes first, and what it leaves goes to the next', () => {
  const cases: [number, Counts][] = [
    [100, { high: 1000, normal: 1000, low: 1000 }],
    [100, { high: 0, normal: 1000, low: 1000 }],
    [100, { high: 1000, normal: 0, low: 1000 }],
    [100, { high: 20, normal: 1000, low: 0 }],
    [100, { high: 10, normal: 10, low: 1000 }],
    [100, { high: 0, normal: 0, low: 0 }],
    [0, { high: 5, normal: 5, low: 5 }],
    [1, { high: 5, normal: 5, low: 5 }],
    [3, { high: 5, normal: 5, low: 5 }],
  ]
  expect(cases.map(([max, waiting]) => Object.values(shareOut(max, waiting)))).toEqual([
    [85, 10, 5],
    [0, 95, 5],
    [95, 0, 5],
    [20, 80, 0],
    [10, 10, 80],
    [0, 0, 0],
    [0, 0, 0],
    [1, 0, 0],
    [1, 1, 1],
  ])
})

test('whatever waits, a poll is full, fair and favours the highest', () => {
  const broken = randomCases(20_000).flatMap(({ max, waiting }) => {
    const quota = shareOut(max, waiting)
    const rules = rulesOf(max, waiting, quota).filter(([, holds]) => !holds)
    return rules.map(([rule]) => ({ rule, max, waiting, quota }))
  })
  expect(broken.slice(0, 3)).toEqual([])
})

function rulesOf(max: number, waiting: Counts, quota: Counts): [string, boolean][] {
  const minimum = (lane: Lane): number => Math.min(waiting[lane], Math.floor(max * minimumShare[lane]))
  const isOver = (lane: Lane): boolean => quota[lane] > Math.max(1, Math.floor(max * minimumShare[lane]))
  const unserved = lanes.findIndex((lane) => quota[lane] < waiting[lane])
  const lower = unserved < 0 ? [] : lanes.slice(unserved + 1)
  return [
    ['no more than asked, no less than there is', total(quota) === Math.min(max, total(waiting))],
    ['no more than waits', lanes.every((lane) => quota[lane] >= 0 && quota[lane] <= waiting[lane])],
    ['no waiting lane gets nothing', max < 3 || lanes.every((lane) => quota[lane] > 0 || waiting[lane] === 0)],
    ['each gets its minimum', max < 3 || lanes.every((lane) => quota[lane] >= minimum(lane))],
    ['what is not used goes to the highest that waits', !lower.some(isOver)],
  ]
}

function randomCases(count: number): { max: number; waiting: Counts }[] {
  const random = seededRandom(3)
  const upTo = (most: number): number => Math.floor(random() * (most + 1))
  const some = (): number => (random() < 0.25 ? 0 : upTo(random() < 0.5 ? 12 : 2000))
  return Array.from({ length: count }, () => ({
    max: upTo(random() < 0.5 ? 12 : 1000),
    waiting: { high: some(), normal: some(), low: some() },
  }))
}

function total(counts: Counts): number {
  return lanes.reduce((sum, lane) => sum + counts[lane], 0)
}
