/** Where spans are recorded: all of OpenTelemetry that the rest of Carillon knows. A trace context is a text here, as it
 *  stands in events and headers. */
import type { SpanFields } from './attributes.js'

export type SpanKind = 'server' | 'producer' | 'consumer' | 'client' | 'internal'

export interface NewSpan {
  readonly name: string
  readonly kind: SpanKind
  /** The trace context above it; null begins a trace. */
  readonly parent: string | null
  readonly fields: readonly SpanFields[]
  /** True: recorded whatever was decided for its trace. */
  readonly forced?: boolean
  /** Milliseconds since the epoch; now unless said. */
  readonly startMs?: number
  /** Trace contexts of other spans that it has to do with. */
  readonly links?: readonly string[]
  /** The context that it was promised: it takes its ids. */
  readonly promised?: string
}

export interface SpanEnd {
  readonly fields?: SpanFields
  /** A stable code of what failed; left out: nothing did. */
  readonly failed?: string | undefined
  /** Replaces the name. */
  readonly name?: string
  /** Milliseconds since the epoch; now unless said. */
  readonly endMs?: number
}

/** A span that has begun. What is not recorded has a context all the same, and does nothing else. */
export interface LiveSpan {
  readonly traceparent: string
  readonly recorded: boolean
  event(name: string, fields: SpanFields, atMs: number): void
  end(end?: SpanEnd): void
}

export interface Recorder {
  begin(span: NewSpan): LiveSpan
  /** Resolves when what has ended is exported, or could not be. */
  flush(): Promise<void>
  /** Exports what has ended, within a bound. */
  close(): Promise<void>
}
