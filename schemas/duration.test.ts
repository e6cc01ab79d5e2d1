import { expect, test } from 'vitest'
import { durationText, parseDuration } from './duration.js'

test('a duration is a number of milliseconds, or a whole number and its unit', () => {
  const texts = [250, 0, '0s', '250ms', '30s', '5m', '12h', '3d']
  expect(texts.map(parseDuration)).toEqual([250, 0, 0, 250, 30_000, 300_000, 43_200_000, 259_200_000])
})

test('anything else is none', () => {
  const texts = ['', '30', '1.5s', '-5s', '5 m', '5M', '1w', 's', -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]
  expect(texts.map(parseDuration)).toEqual(texts.map(() => null))
})

test('it is told in the largest unit that fits', () => {
  expect([0, 250, 90_000, 120_000, 86_400_000].map(durationText)).toEqual(['0ms', '250ms', '90s', '2m', '1d'])
})
