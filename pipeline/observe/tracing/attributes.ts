/** What a span may say.
 *
 *  Invariant: only the attributes named here are written. What is not on the list, content, addresses and ids of people
 *  above all, cannot reach a trace by mistake. Codes and names of the code, counts and ids of notifications are on it.
 *
 *  Names are those of OpenTelemetry's conventions where it has one; the others begin with `carillon.`. */

const known = [
  ...['messaging.system', 'messaging.operation.name', 'messaging.operation.type', 'messaging.destination.name'],
  ...['messaging.destination.partition.id', 'messaging.consumer.group.name', 'messaging.batch.message_count'],
  ...['http.request.method', 'http.route', 'http.response.status_code', 'error.type'],
  ...['carillon.stage', 'carillon.lane', 'carillon.record', 'carillon.notification', 'carillon.delivery'],
  ...['carillon.channel', 'carillon.provider', 'carillon.priority', 'carillon.outcome', 'carillon.reason'],
  ...['carillon.attempt', 'carillon.deferrals', 'carillon.status', 'carillon.wait.reasons'],
  ...['carillon.commit.records', 'carillon.commit.outputs', 'carillon.commit.dropped', 'carillon.commit.dead_letters'],
  ...['carillon.commit.links_left_out'],
] as const
const names: ReadonlySet<string> = new Set(known)

/** What a span is told of. Null and undefined are left out. */
export type SpanFields = {
  readonly [K in (typeof known)[number]]?: string | number | boolean | readonly string[] | null | undefined
}

/** Characters of one value, and values of a list. */
const maxText = 256
const maxList = 16

/** The attributes as OpenTelemetry takes them: what is on the list, cut to its bounds. The parts are not put together
 *  before, for objects with such names are slow to copy. */
export function attributes(...parts: readonly SpanFields[]): Record<string, string | number | boolean | string[]> {
  const written: Record<string, string | number | boolean | string[]> = {}
  for (const part of parts) {
    for (const name in part) {
      const value = part[name as keyof SpanFields]
      if (value === null || value === undefined || !names.has(name)) continue
      if (typeof value === 'string') written[name] = cut(value)
      else if (typeof value === 'object') written[name] = value.slice(0, maxList).map(cut)
      else written[name] = value
    }
  }
  return written
}

function cut(text: string): string {
  return text.length <= maxText ? text : text.slice(0, maxText)
}
