/** The metrics of one thread: a counter, gauge or histogram for each of the list, in a registry of their own. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { metricList } from './list.js'
import type { CounterOf, GaugeOf, HistogramOf, MetricOf } from './metric.js'

type Made<M> =
  M extends CounterOf<infer L>
    ? Counter<L>
    : M extends GaugeOf<infer L>
      ? Gauge<L>
      : M extends HistogramOf<infer L>
        ? Histogram<L>
        : never

/** The lane of what has none. */
export const noLane = 'all'

export type Metrics = { readonly [K in keyof typeof metricList]: Made<(typeof metricList)[K]> } & {
  readonly registry: Registry
}

export function createMetrics(): Metrics {
  const registry = new Registry()
  const made = Object.entries(metricList).map(([key, metric]) => [key, make(metric, registry)] as const)
  return { ...Object.fromEntries(made), registry } as unknown as Metrics
}

function make(metric: MetricOf, registry: Registry): Counter | Gauge | Histogram {
  const { name, help, labels } = metric
  const options = { name, help, labelNames: [...labels], registers: [registry] }
  switch (metric.type) {
    case 'counter':
      return new Counter(options)
    case 'gauge':
      return new Gauge(options)
    case 'histogram':
      return new Histogram({ ...options, buckets: [...metric.buckets] })
  }
}
