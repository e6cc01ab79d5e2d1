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
