/** The clock that latencies are counted by, and what is told of them. */
import { build } from 'hdr-histogram-js'

/** Milliseconds on a clock that never goes back and is the same in every thread of the process. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** In milliseconds, to a tenth. */
export interface Percentiles {
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

/** The highest latency that is told apart, one hour in microseconds. */
const highestMicros = 3_600_000_000

/** Of some latencies in milliseconds, told apart to three digits. */
export function percentilesOf(latenciesMs: Iterable<number>): Percentiles & { readonly max: number } {
  const histogram = build({ highestTrackableValue: highestMicros, numberOfSignificantValueDigits: 3 })
  for (const ms of latenciesMs) histogram.recordValue(Math.min(highestMicros, Math.max(1, Math.round(ms * 1000))))
  const at = (percentile: number) => tenths(histogram.getValueAtPercentile(percentile))
  return { p50: at(50), p95: at(95), p99: at(99), max: tenths(histogram.totalCount > 0 ? histogram.maxValue : 0) }
}

function tenths(micros: number): number {
  return Math.round(micros / 100) / 10
}
