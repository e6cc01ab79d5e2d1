/** What the ingress tells of its work: for metrics, for the log, for traces. */
import type { NotificationRequested } from '../schemas/events.js'

/** Live updates, by what their clients hold open. */
export type WatcherKind = 'events' | 'websocket' | 'inbox'

/** Told of what happened. Must not throw. */
export interface IngressObserver {
  /** A request came, or its answer's head is there. */
  requests(change: 1 | -1): void
  /** They are durable. */
  accepted(notifications: readonly NotificationRequested[]): void
  /** A request was answered from an earlier one with the same key. `origin`: the contract it came by. */
  replayed(origin: string): void
  /** A live update was opened, or has ended. */
  watchers(kind: WatcherKind, change: 1 | -1): void
}

/** What is told of a request once it is answered. `route` as declared, so that no id stands in it. */
export interface RequestLogEntry {
  readonly method: string
  readonly route: string
  readonly status: number
  readonly durationMs: number
  readonly correlationId: string
  /** Where the request stands in its trace, as OpenTelemetry names it in logs; left out where it has none. */
  readonly trace_id?: string
  readonly span_id?: string
  readonly error?: unknown
}

/** Follows requests, where tracing is on. */
export interface RequestTraces {
  /** A request has come; `traceparent`: what it says of the trace that it belongs to, where that is valid. */
  begin(method: string, traceparent: string | null): RequestTrace
}

export interface RequestTrace {
  /** The request's own trace context, for the log. */
  readonly context: string
  /** The trace context of everything that follows from the request; null: none. */
  readonly traceparent: string | null
  /** It is answered. `route` as declared, so that no id stands in it. */
  end(answer: { readonly route: string; readonly status: number }): void
}
