import { expect, test } from 'vitest'
import { differences, spreadsOf } from './results.js'

test('of some runs every number gets its least, middle and most, and what is not in all of them is left out', () => {
  const runs = [
    { engine: 'sqlite', perSecond: 30, latencyMs: { p50: 1, p99: 9 }, backToUsualMs: null },
    { engine: 'sqlite', perSecond: 10, latencyMs: { p50: 3, p99: 8 }, backToUsualMs: 500 },
    { engine: 'sqlite', perSecond: 20, latencyMs: { p50: 2, p99: 7 }, backToUsualMs: 250 },
  ]
  expect(spreadsOf(runs)).toEqual({
    perSecond: { min: 10, median: 20, max: 30 },
    'latencyMs.p50': { min: 1, median: 2, max: 3 },
    'latencyMs.p99': { min: 7, median: 8, max: 9 },
  })
})

test('a difference is told in per cent of the median, and is outside where no two runs overlap', () => {
  const before = {
    perSecond: { min: 95, median: 100, max: 105 },
    p99: { min: 10, median: 20, max: 40 },
    lost: { min: 0, median: 0, max: 0 },
    gone: { min: 1, median: 1, max: 1 },
  }
  const now = {
    perSecond: { min: 106, median: 110, max: 120 },
    p99: { min: 15, median: 30, max: 35 },
    lost: { min: 0, median: 0, max: 3 },
    fresh: { min: 1, median: 1, max: 1 },
  }
  expect(differences(before, now).map(({ figure, percent, outside }) => ({ figure, percent, outside }))).toEqual([
    { figure: 'perSecond', percent: 10, outside: true },
    { figure: 'p99', percent: 50, outside: false },
    { figure: 'lost', percent: null, outside: false },
  ])
})
