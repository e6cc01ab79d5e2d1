import { expect, test } from 'vitest'
import { longestGap } from './kafka-scenarios.js'
import { latenciesOf, type Served, usualFrom } from './load.js'

/** One in ten milliseconds, called so many milliseconds after its time. */
function served(latencies: readonly (number | null)[]): Served[] {
  return latencies.map((latency, number) => {
    const intendedMs = 1000 + number * 10
    const calledMs = latency === null ? null : intendedMs + latency
    return { id: `n${number}`, number, phase: 0, channel: 'sms', intendedMs, calledMs }
  })
}

const times = (count: number, latency: number | null) => Array.from({ length: count }, () => latency)

test('latency counts from the intended time; what never came is not among it', () => {
  const { p50, p99, max } = latenciesOf(served([...times(98, 5), 60, null]))
  expect({ p50, p99, max }).toEqual({ p50: 5, p99: 60, max: 60 })
})

test('latency is as usual from the first quarter of a second on in which 95 % is', () => {
  const slowThenUsual = served([...times(50, 900), ...times(24, 20), 900, ...times(25, 20)])
  expect({
    slowThenUsual: usualFrom(slowThenUsual, 1000, 100),
    always: usualFrom(served(times(50, 20)), 1000, 100),
    never: usualFrom(served([...times(50, 900), ...times(50, null)]), 1000, 100),
  }).toEqual({ slowThenUsual: 1500, always: 1000, never: null })
})

test('the longest gap between calls counts both ends of the time, and calls outside of it not', () => {
  const calls = [50, 100, 130, 400, null, 900].map((calledMs) => ({ calledMs }))
  expect([longestGap(calls, 90, 500), longestGap(calls, 410, 700), longestGap([], 0, 80)]).toEqual([270, 290, 80])
})
