/** Every metric of Carillon: name, type, unit, labels, help. Dashboards, alerts, docs/metrics.md and their tests go by it.
 *
 *  Names follow Prometheus' conventions (https://prometheus.io/docs/practices/naming/). Where OpenTelemetry has a name
 *  (messaging, db, http), it is taken, written as its exporter to Prometheus writes it; what tells of lag has the names of
 *  kafka-lag-exporter, on either engine. Node's own are prom-client's (`node-metrics.ts`).
 *
 *  Invariant: no label tells of a tenant, a recipient, a template or a host, so that their number has a bound. */

import { lagMetrics } from './lag-metrics.js'
import { nodeMetrics } from './node-metrics.js'
import { deliveryMetrics, ingressMetrics, stageMetrics } from './pipeline-metrics.js'
import { processMetrics, storeMetrics } from './system-metrics.js'

/** Those that Carillon counts itself. */
export const ownMetrics = {
  ...stageMetrics,
  ...deliveryMetrics,
  ...ingressMetrics,
  ...storeMetrics,
  ...lagMetrics,
  ...processMetrics,
} as const

export const metricList = { ...ownMetrics, ...nodeMetrics } as const

/** The same by what they are about, as docs/metrics.md shows them. */
export const metricGroups = {
  flow: { ...stageMetrics, ...deliveryMetrics },
  requests: ingressMetrics,
  lag: lagMetrics,
  stores: storeMetrics,
  process: { ...processMetrics, ...nodeMetrics },
} as const
