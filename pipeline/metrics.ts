/** Every metric: name, kind, labels, help, in one list. Prometheus conventions; no label per tenant, recipient or
 *  template. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { WorkerName } from '../stages/stage.js'
import type { Commit, WorkerObserver } from './engine/worker.js'

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]
const shortSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]

/** Name, help and labels of each metric. */
export const metricList = {
  settled: { name: 'carillon_stage_settled_total', help: 'Input records settled.', labelNames: ['stage'] },
  written: {
    name: 'carillon_stage_written_total',
    help: 'Records written, status events included.',
    labelNames: ['stage'],
  },
  dropped: {
    name: 'carillon_stage_dropped_total',
    help: 'Records that ended here as they should.',
    labelNames: ['stage', 'reason'],
  },
  deadLetters: { name: 'carillon_stage_dead_letters_total', help: 'Records given up.', labelNames: ['stage', 'cause'] },
  restarts: { name: 'carillon_stage_restarts_total', help: 'Restarts after a crash.', labelNames: ['stage'] },
  inFlight: { name: 'carillon_stage_in_flight', help: 'Records pulled and not settled.', labelNames: ['stage'] },
  lag: { name: 'carillon_stage_lag', help: 'Records waiting in the input.', labelNames: ['stage', 'lane'] },
  restored: {
    name: 'carillon_restore_records',
    help: 'Records of the changelog read by the last restore.',
    labelNames: ['stage'],
  },
  restoreRate: {
    name: 'carillon_restore_records_per_second',
    help: 'How fast the last restore reads.',
    labelNames: ['stage'],
  },
  restoreLeft: {
    name: 'carillon_restore_left_seconds',
    help: 'How long the last restore still takes, estimated.',
    labelNames: ['stage'],
  },
  commitSeconds: { name: 'carillon_stage_commit_duration_seconds', help: 'Time of a commit.', labelNames: ['stage'] },
  providerSeconds: {
    name: 'carillon_provider_call_duration_seconds',
    help: 'Time of a provider call.',
    labelNames: ['provider', 'channel', 'outcome'],
  },
  acceptedToProviderSeconds: {
    name: 'carillon_accepted_to_provider_seconds',
    help: 'From acceptance to the end of the call that ended the delivery.',
    labelNames: ['channel', 'priority'],
  },
  requestSeconds: {
    name: 'carillon_http_request_duration_seconds',
    help: 'Time of an HTTP request.',
    labelNames: ['method', 'route', 'status'],
  },
} as const

export type Metrics = ReturnType<typeof createMetrics>

/** The metrics of one thread, in a registry of their own. */
export function createMetrics() {
  const registry = new Registry()
  const registers = [registry]
  const counter = <L extends string>(of: { name: string; help: string; labelNames: readonly L[] }) =>
    new Counter({ ...of, labelNames: [...of.labelNames], registers })
  const gauge = <L extends string>(of: { name: string; help: string; labelNames: readonly L[] }) =>
    new Gauge({ ...of, labelNames: [...of.labelNames], registers })
  const histogram = <L extends string>(
    of: { name: string; help: string; labelNames: readonly L[] },
    buckets: readonly number[],
  ) => new Histogram({ ...of, labelNames: [...of.labelNames], buckets: [...buckets], registers })
  return {
    registry,
    settled: counter(metricList.settled),
    written: counter(metricList.written),
    dropped: counter(metricList.dropped),
    deadLetters: counter(metricList.deadLetters),
    restarts: counter(metricList.restarts),
    inFlight: gauge(metricList.inFlight),
    lag: gauge(metricList.lag),
    restored: gauge(metricList.restored),
    restoreRate: gauge(metricList.restoreRate),
    restoreLeft: gauge(metricList.restoreLeft),
    commitSeconds: histogram(metricList.commitSeconds, shortSeconds),
    providerSeconds: histogram(metricList.providerSeconds, seconds),
    acceptedToProviderSeconds: histogram(metricList.acceptedToProviderSeconds, seconds),
    requestSeconds: histogram(metricList.requestSeconds, seconds),
  }
}

/** Counts what a stage's worker does. */
export function stageObserver(metrics: Metrics, stage: WorkerName): WorkerObserver {
  const labels = { stage }
  return {
    committed({ settled, outputs, drops, deadLetters, commitMs }: Commit) {
      metrics.settled.inc(labels, settled)
      metrics.written.inc(labels, outputs)
      metrics.commitSeconds.observe(labels, commitMs / 1000)
      for (const [reason, count] of drops) metrics.dropped.inc({ stage, reason }, count)
      for (const cause of deadLetters) metrics.deadLetters.inc({ stage, cause })
    },
    crashed: () => metrics.restarts.inc(labels),
  }
}
