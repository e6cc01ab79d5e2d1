/** Records spans with OpenTelemetry's SDK. Loaded only where tracing is on. */
import {
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind as SpanKinds,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  type IdGenerator,
  ParentBasedSampler,
  RandomIdGenerator,
  type Sampler,
  SamplingDecision,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import type { TracingConfig } from '../../config/tracing.js'
import { isSampled } from '../../engine/trace-context.js'
import { attributes } from './attributes.js'
import { boundedExport, type ExportWatcher, exportTimeoutMs } from './bounded-export.js'
import type { LiveSpan, NewSpan, Recorder, SpanKind } from './recorder.js'

export interface RecorderOptions extends Pick<TracingConfig, 'url' | 'headers' | 'sampleRatio'> {
  /** What the process is, as attributes of OpenTelemetry's resource. */
  readonly resource: Readonly<Record<string, string>>
  readonly watcher: ExportWatcher
  /** In the place of OTLP. */
  readonly exporter?: SpanExporter | undefined
}

/** How long the end of the process waits for the last export. */
const closeMs = 3000
/** Of one span: a trail has 48 entries at most, a commit's links are bounded where they are made. */
const limits = { attributeCountLimit: 32, eventCountLimit: 64, linkCountLimit: 128, attributeValueLengthLimit: 256 }
const inert = Object.freeze({ event: () => undefined, end: () => undefined })
const kinds: Readonly<Record<SpanKind, SpanKinds>> = {
  server: SpanKinds.SERVER,
  producer: SpanKinds.PRODUCER,
  consumer: SpanKinds.CONSUMER,
  client: SpanKinds.CLIENT,
  internal: SpanKinds.INTERNAL,
}

export function openRecorder({ url, headers, sampleRatio, resource, watcher, exporter }: RecorderOptions): Recorder {
  const processor = boundedExport(
    exporter ?? new OTLPTraceExporter({ url, headers, timeoutMillis: exportTimeoutMs }),
    watcher,
  )
  const choice = chosenIds()
  const provider = new TracerProvider({
    resource: resourceFromAttributes(resource),
    sampler: choice.sampler(new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(sampleRatio) })),
    idGenerator: choice.ids,
    spanLimits: limits,
    spanProcessors: [processor],
  })
  const tracer = provider.getTracer('carillon')

  return {
    begin(span) {
      // In a storm of failures what nobody can take is not even made.
      if (span.forced && processor.isFull()) {
        watcher.dropped(1)
        return { ...inert, recorded: false, traceparent: span.promised ?? span.parent ?? '' }
      }
      return live(choice.made(span, () => start(tracer, span)))
    },
    flush: () => provider.forceFlush(),
    async close() {
      let waited: NodeJS.Timeout | undefined
      const bound = new Promise<void>((resolve) => {
        waited = setTimeout(resolve, closeMs)
      })
      await Promise.race([provider.shutdown().catch(watcher.failed), bound])
      clearTimeout(waited)
    },
  }
}

function start(tracer: Tracer, { name, kind, parent, fields, startMs, links }: NewSpan): Span {
  const context = parent === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, contextOf(parent))
  const options = {
    kind: kinds[kind],
    attributes: attributes(...fields),
    ...(links && { links: links.map((link) => ({ context: contextOf(link) })) }),
    ...(startMs !== undefined && { startTime: startMs }),
  }
  return tracer.startSpan(name, options, context)
}

function live(span: Span): LiveSpan {
  const traceparent = textOf(span.spanContext())
  if (!span.isRecording()) return { ...inert, recorded: false, traceparent }
  return {
    traceparent,
    recorded: true,
    event: (name, fields, atMs) => void span.addEvent(name, attributes(fields), atMs),
    end({ fields, failed, name, endMs } = {}) {
      if (fields) span.setAttributes(attributes(fields))
      if (name !== undefined) span.updateName(name)
      if (failed !== undefined) {
        span.setAttributes(attributes({ 'error.type': failed }))
        span.setStatus({ code: SpanStatusCode.ERROR })
      }
      span.end(endMs)
    },
  }
}

/** Lets one span at a time have other ids, or another decision, than the SDK would give it. */
function chosenIds() {
  const random = new RandomIdGenerator()
  let now: Pick<NewSpan, 'forced' | 'promised'> | null = null
  const ids: IdGenerator = {
    generateTraceId: () => (now?.promised ? contextOf(now.promised).traceId : random.generateTraceId()),
    generateSpanId: () => (now?.promised ? contextOf(now.promised).spanId : random.generateSpanId()),
  }
  return {
    ids,
    sampler: (usual: Sampler): Sampler => ({
      shouldSample: (...about) =>
        now?.forced ? { decision: SamplingDecision.RECORD_AND_SAMPLED } : usual.shouldSample(...about),
      toString: () => usual.toString(),
    }),
    made(choice: NewSpan, make: () => Span): Span {
      now = choice
      try {
        return make()
      } finally {
        now = null
      }
    },
  }
}

/** https://www.w3.org/TR/trace-context/#traceparent-header */
function contextOf(traceparent: string): SpanContext {
  const [, traceId = '', spanId = ''] = traceparent.split('-')
  return { traceId, spanId, traceFlags: isSampled(traceparent) ? 1 : 0, isRemote: true }
}

function textOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags & 1 ? '01' : '00'}`
}
