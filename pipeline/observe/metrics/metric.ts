/** How a metric is described. */

/** What a metric's number counts. */
export type Unit =
  | 'messages'
  | 'seconds'
  | 'bytes'
  | 'records'
  | 'ratio'
  | 'timestamp'
  | 'count'
  | 'per second'
  | 'none'

interface Described<L extends string> {
  readonly name: string
  readonly unit: Unit
  readonly labels: readonly L[]
  readonly help: string
}
export interface CounterOf<L extends string = string> extends Described<L> {
  readonly type: 'counter'
}
export interface GaugeOf<L extends string = string> extends Described<L> {
  readonly type: 'gauge'
}
export interface HistogramOf<L extends string = string> extends Described<L> {
  readonly type: 'histogram'
  /** Upper bounds, ascending, in the metric's unit. */
  readonly buckets: readonly number[]
}
export type MetricOf<L extends string = string> = CounterOf<L> | GaugeOf<L> | HistogramOf<L>

export function counter<L extends string>(name: string, unit: Unit, labels: readonly L[], help: string): CounterOf<L> {
  return { type: 'counter', name, unit, labels, help }
}
export function gauge<L extends string>(name: string, unit: Unit, labels: readonly L[], help: string): GaugeOf<L> {
  return { type: 'gauge', name, unit, labels, help }
}
export function histogram<L extends string>(
  name: string,
  unit: Unit,
  buckets: readonly number[],
  labels: readonly L[],
  help: string,
): HistogramOf<L> {
  return { type: 'histogram', name, unit, buckets, labels, help }
}

/** Upper bounds of histograms, in seconds but for the last. 10 and 300 are the objectives' bounds. */
export const endToEnd = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600]
export const calls = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120]
export const requests = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]
export const short = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]
export const batches = [1, 4, 16, 64, 256, 1024, 4096]
