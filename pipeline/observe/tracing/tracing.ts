/** Tracing as the composition roots see it. OpenTelemetry is loaded only where it is on. */
import { randomUUID } from 'node:crypto'
import type { SpanExporter } from '@opentelemetry/sdk-trace'
import type { StreamName } from '../../../schemas/streams.js'
import type { SpanContext } from '../../../schemas/trace-context.js'
import type { CallTracer } from '../../../stages/deliver/call-tracer.js'
import type { WorkerName } from '../../../stages/stage.js'
import type { Config } from '../../config/config.js'
import { carillonVersion } from '../../config/version.js'
import type { AnyInput, WorkerObserver } from '../../engine/worker-observer.js'
import type { Logger } from '../logging/logging.js'
import type { Metrics } from '../metrics/metrics.js'
import { type Accepting, tracedAcceptor } from './accepting.js'
import { attemptSpans } from './attempts.js'
import { requestSpans } from './requests.js'
import { type StageSpans, stageSpans } from './stage-spans.js'

export interface Tracing {
  readonly requests: ReturnType<typeof requestSpans>
  /** Follows the calls of providers. */
  readonly callTracer: CallTracer
  /** Puts the notifications that are accepted into traces. */
  acceptor<A, C, R extends { readonly kind: string }>(acceptor: A & Accepting<C, R>): A & Accepting<C, R>
  /** Observes a worker of this process, one of each stage. */
  worker(stage: WorkerName, stream: StreamName): WorkerObserver
  /** The trace context of a notification that an upstream handed to intake without one. */
  root(record: AnyInput): string | null
  /** Where a crash stands in the traces; nothing where it does not. */
  placeOf(error: unknown): Partial<SpanContext>
  flush(): Promise<void>
  close(): Promise<void>
}

export interface TracingOptions {
  readonly config: Pick<Config, 'tracing' | 'log'>
  /** What the process, or its thread, runs. */
  readonly role: string
  readonly metrics: Pick<Metrics, 'spansDropped'>
  readonly logger: Pick<Logger, 'warn'>
  /** In the place of OTLP: for tests. */
  readonly exporter?: SpanExporter
}

/** Between two lines about an exporter in trouble. */
const complaintEveryMs = 60_000

/** Null where tracing is off. */
export async function openTracing({
  config,
  role,
  metrics,
  logger,
  exporter,
}: TracingOptions): Promise<Tracing | null> {
  const { tracing, log } = config
  if (tracing === null) return null
  const { openRecorder } = await import('./open-recorder.js')
  const recorder = openRecorder({
    ...tracing,
    exporter,
    resource: {
      'service.name': tracing.serviceName,
      'service.instance.id': randomUUID(),
      'service.version': carillonVersion(),
      'carillon.role': role,
    },
    watcher: { dropped: (count) => metrics.spansDropped.inc(count), failed: complaints(logger) },
  })
  const system = log.kind
  const stages = new Map<WorkerName, StageSpans>()
  const places = new WeakMap<object, SpanContext>()
  const placed = (error: object, place: SpanContext) => void places.set(error, place)

  return {
    requests: requestSpans(recorder),
    callTracer: attemptSpans(recorder, () => stages.get('deliver')),
    acceptor: (acceptor) => tracedAcceptor(acceptor, recorder, system),
    worker(stage, stream) {
      const spans = stageSpans({ stage, stream, recorder, system, placed })
      stages.set(stage, spans)
      return spans.observer
    },
    root: (record) => stages.get('intake')?.root(record) ?? null,
    placeOf: (error) => (typeof error === 'object' && error !== null && places.get(error)) || {},
    flush: recorder.flush,
    close: recorder.close,
  }
}

/** Says what keeps spans from being exported, once in a while. */
function complaints(logger: Pick<Logger, 'warn'>): (error: unknown) => void {
  let saidMs = Number.NEGATIVE_INFINITY
  return (error) => {
    const nowMs = performance.now()
    if (nowMs - saidMs < complaintEveryMs) return
    saidMs = nowMs
    logger.warn('Traces cannot be exported, and are lost; notifications are not touched by it', { error })
  }
}
