/** Spans as tests look at them: kept in memory, and put into a tree. */
import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { InMemorySpanExporter, type ReadableSpan } from '@opentelemetry/sdk-trace'
import { createMetrics } from '../../../pipeline/observe/metrics/metrics.js'
import { openTracing, type Tracing } from '../../../pipeline/observe/tracing/tracing.js'

/** What a test compares of a span. */
export interface SeenSpan {
  readonly name: string
  readonly kind: string
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | undefined
  readonly startMs: number
  readonly endMs: number
  readonly fields: Readonly<Record<string, unknown>>
  readonly failed: boolean
  readonly events: readonly string[]
  readonly links: readonly string[]
}

/** A span with those below it. */
export type SpanTree = readonly [what: string, ...below: SpanTree[]]

export interface KeptTraces {
  readonly tracing: Tracing
  /** The spans that have ended, in the order in which they began. */
  spans(): Promise<readonly SeenSpan[]>
  /** How many were lost. */
  dropped(): Promise<number>
}

/** Tracing whose spans stay here. */
export async function keptTraces(sampleRatio = 1): Promise<KeptTraces> {
  const exporter = new InMemorySpanExporter()
  const metrics = createMetrics()
  const tracing = await openTracing({
    config: {
      tracing: { url: 'http://127.0.0.1:9/v1/traces', headers: {}, sampleRatio, serviceName: 'carillon' },
      log: { kind: 'sqlite' },
    },
    role: 'test',
    metrics,
    logger: { warn: () => undefined },
    exporter,
  })
  if (tracing === null) throw new Error('Tracing is off')
  return {
    tracing,
    async spans() {
      await tracing.flush()
      return exporter.getFinishedSpans().map(seen).sort(byStart)
    },
    dropped: async () => (await metrics.spansDropped.get()).values[0]?.value ?? 0,
  }
}

/** A trace context: `sampled` by whoever began it, or not. */
export function traceparentOf(trace: number, sampled: boolean): string {
  return `00-${String(trace).padStart(32, '0')}-00000000000000aa-${sampled ? '01' : '00'}`
}

/** The spans below one, or those whose parent is not here: each by what `tell` says of it. */
export function treeOf(
  spans: readonly SeenSpan[],
  tell: (span: SeenSpan) => string,
  parent: SeenSpan | null = null,
): SpanTree[] {
  const known = new Set(spans.map(({ spanId }) => spanId))
  const isBelow = ({ parentId }: SeenSpan) =>
    parent === null ? parentId === undefined || !known.has(parentId) : parentId === parent.spanId
  return spans.filter(isBelow).map((span) => [tell(span), ...treeOf(spans, tell, span)])
}

function seen(span: ReadableSpan): SeenSpan {
  const { traceId, spanId } = span.spanContext()
  return {
    name: span.name,
    kind: (SpanKind[span.kind] ?? '').toLowerCase(),
    traceId,
    spanId,
    parentId: span.parentSpanContext?.spanId,
    startMs: millisecondsOf(span.startTime),
    endMs: millisecondsOf(span.endTime),
    fields: span.attributes,
    failed: span.status.code === SpanStatusCode.ERROR,
    events: span.events.map(({ name }) => name),
    links: span.links.map(({ context }) => context.spanId),
  }
}

function millisecondsOf([seconds, nanoseconds]: readonly [number, number]): number {
  return seconds * 1000 + nanoseconds / 1e6
}

function byStart(a: SeenSpan, b: SeenSpan): number {
  return a.startMs - b.startMs
}
