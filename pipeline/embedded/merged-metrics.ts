/** One page of metrics from the registries of two threads. */
import { AggregatorRegistry, type Registry } from 'prom-client'

/** Prometheus text of this thread's registry and of another's, as its `getMetricsAsJSON` gave it. */
export async function mergedMetrics(own: Registry, other: unknown): Promise<string> {
  const parts = [await own.getMetricsAsJSON(), other] as Parameters<typeof AggregatorRegistry.aggregate>[0]
  return AggregatorRegistry.aggregate(parts).metrics()
}
