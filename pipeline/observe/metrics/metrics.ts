/** The metrics of one thread: a counter, gauge or histogram for each of the list, and the page that shows them. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { carillonVersion } from '../../config/version.js'
import { ownMetrics } from './list.js'
import type { CounterOf, GaugeOf, HistogramOf, MetricOf } from './metric.js'
import { nodeProcessMetrics } from './node-metrics.js'

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

type OwnMetrics = { readonly [K in keyof typeof ownMetrics]: Made<(typeof ownMetrics)[K]> }

export type Metrics = OwnMetrics & {
  readonly registry: Registry
  /** Prometheus text of this thread's metrics. */
  text(): Promise<string>
  /** `measure` is called at each scrape, and sets the gauge. It must not throw. */
  atScrape(gauge: keyof typeof ownMetrics, measure: () => void): void
}

/** With a thread's name Node's own metrics are collected, too. */
export function createMetrics(thread?: ThreadName): Metrics {
  const registry = new Registry()
  const measures = new Map<string, (() => void)[]>()
  const measureAll = (key: string) => {
    for (const measure of measures.get(key) ?? []) measure()
  }
  const made = Object.entries(ownMetrics).map(
    ([key, metric]) => [key, make(metric, registry, () => measureAll(key))] as const,
  )
  const registries = thread ? [registry, collectNodeMetrics(thread, registry)] : [registry]
  const whole: Omit<Metrics, keyof OwnMetrics> = {
    registry,
    text: async () => (await Promise.all(registries.map((own) => own.metrics()))).join('\n'),
    atScrape: (gauge, measure) => void measures.set(gauge, [...(measures.get(gauge) ?? []), measure]),
  }
  return { ...Object.fromEntries(made), ...whole } as unknown as Metrics
}

function make(metric: MetricOf, registry: Registry, collect: () => void): Counter | Gauge | Histogram {
  const { name, help, labels } = metric
  const options = { name, help, labelNames: [...labels], registers: [registry] }
  switch (metric.type) {
    case 'counter':
      return new Counter(options)
    case 'gauge':
      return unset(new Gauge({ ...options, collect }), labels)
    case 'histogram':
      return new Histogram({ ...options, buckets: [...metric.buckets] })
  }
}

/** prom-client begins a gauge without labels at 0, also in a process that never sets it. */
function unset(gauge: Gauge, labels: readonly string[]): Gauge {
  if (labels.length === 0) gauge.remove()
  return gauge
}

/** `engine` is a thread beside `http` in one process; what is the process's own is told by the other. */
export type ThreadName = 'main' | 'http' | 'engine'

const ofProcess: ReadonlySet<string> = new Set(Object.values(nodeProcessMetrics).map(({ name }) => name))

/** A registry whose metrics have the label `thread`. The process's own have none and go into `registry`, but for a
 *  thread that tells nothing of its process. To be called once in a thread: it watches the event loop from now on. */
export function collectNodeMetrics(thread: ThreadName, registry: Registry): Registry {
  const ofThread = new Registry()
  ofThread.setDefaultLabels({ thread })
  collectDefaultMetrics({ register: ofThread })
  // Their order stays: the first of some measures for those after it.
  for (const name of ofProcess) {
    const metric = ofThread.getSingleMetric(name)
    ofThread.removeSingleMetric(name)
    if (metric && thread !== 'engine') registry.registerMetric(metric)
  }
  return ofThread
}

/** What a process is. To be told once in a process. `role`: what it runs. */
export function tellBuild(metrics: Metrics, engine: 'embedded' | 'kafka', role: string): void {
  metrics.build.set({ version: carillonVersion(), engine, role }, 1)
}
