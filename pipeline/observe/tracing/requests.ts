/** The span of each HTTP request, by OpenTelemetry's conventions for servers; an answer of 500 or more is recorded
 *  whatever was decided for its trace.
 *  https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server */
import type { Recorder } from './recorder.js'

/** What probers and scrapers ask for all day long, and what is no part of the API. */
const untold: ReadonlySet<string> = new Set(['none', '/health/live', '/health/ready', '/metrics'])

/** The ingress's `RequestTraces`. */
export function requestSpans(recorder: Recorder) {
  return {
    begin(method: string, traceparent: string | null) {
      const startMs = Date.now()
      const request = { name: method, kind: 'server', parent: traceparent, startMs } as const
      const span = recorder.begin({ ...request, fields: [{ 'http.request.method': method }] })
      return {
        context: span.traceparent,
        // What nobody follows need not carry a trace through every event: a failure begins one.
        traceparent: span.recorded || traceparent !== null ? span.traceparent : null,
        end({ route, status }: { readonly route: string; readonly status: number }): void {
          const failed = status >= 500
          if (!failed && (!span.recorded || untold.has(route))) return
          const promised = span.traceparent
          const told = span.recorded ? span : recorder.begin({ ...request, fields: [], forced: true, promised })
          told.end({
            name: `${method} ${route}`,
            fields: { 'http.request.method': method, 'http.route': route, 'http.response.status_code': status },
            ...(failed && { failed: String(status) }),
          })
        },
      }
    },
  }
}
