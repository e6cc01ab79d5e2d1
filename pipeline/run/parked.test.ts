import { expect, test } from 'vitest'
import { countParked } from './flow-meter.js'

test('what waits for its time and what waits for its destination are counted apart, each up to its bound', () => {
  const asked: unknown[] = []
  const parked = countParked((group, ranges, most) => {
    asked.push([group, ranges, most])
    return asked.length
  })
  expect({ parked, asked }).toEqual({
    parked: { time: 1, destination: 2 },
    asked: [
      ['throttle', [['d/', 'd0']], 10_000],
      ['throttle', [['w/', 'w0']], 10_000],
    ],
  })
})
