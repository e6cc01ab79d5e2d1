/** W3C trace context as events and requests carry it: https://www.w3.org/TR/trace-context/ */

/** The traceparent header, version 00: https://www.w3.org/TR/trace-context/#traceparent-header */
const traceparentForm = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

/** The caller's trace context; null where there is none or it is not valid. */
export function traceparentOf(header: string | undefined): string | null {
  return header !== undefined && traceparentForm.test(header) ? header : null
}

/** The trace context that a record came with; null where there is none or it is not valid. */
export function traceparentIn(headers: Readonly<Record<string, string>>): string | null {
  return traceparentOf(headerNamed(headers, 'traceparent'))
}

/** A header by its name in small letters: producers write it as they like. */
export function headerNamed(headers: Readonly<Record<string, string>>, name: string): string | undefined {
  return headers[name] ?? Object.entries(headers).find(([given]) => given.toLowerCase() === name)?.[1]
}

/** What a trace is known by in a log line. */
export interface SpanContext {
  readonly trace_id: string
  readonly span_id: string
}

/** Where a valid trace context stands in its trace. */
export function spanContext(traceparent: string): SpanContext {
  const [, trace_id = '', span_id = ''] = traceparent.split('-')
  return { trace_id, span_id }
}
