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
