/** What is told of a request once it is answered. `route` as declared, so that no id stands in it. */
export interface RequestLogEntry {
  readonly method: string
  readonly route: string
  readonly status: number
  readonly durationMs: number
  readonly correlationId: string
  readonly error?: unknown
}
