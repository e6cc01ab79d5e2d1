/** What a stage decided, as its outputs tell it: each decision stands in the trail of what it concerns. */
import type { TrailEntry } from '../../../schemas/events.js'
import type { WorkerName } from '../../../stages/stage.js'
import type { NewRecord } from '../../engine/log.js'
import { isSampled, traceOf } from '../../engine/trace-context.js'
import type { SpanFields } from './attributes.js'
import type { LiveSpan } from './recorder.js'
import { notificationIn, trailOf } from './traced-event.js'

/** By notification, the entries of one stage, oldest first, each once. */
export type Decisions = ReadonlyMap<string, ReadonlySet<TrailEntry>>

/** Of these notifications only. `sampled`: they are all of recorded traces, so that the others cost no more than a look
 *  at one character. */
export function decisionsIn(
  outputs: readonly NewRecord[],
  stage: WorkerName,
  notifications: ReadonlySet<string>,
  sampled: boolean,
): Decisions {
  const found = new Map<string, Set<TrailEntry>>()
  for (const { event } of outputs) {
    const trace = event ? traceOf(event) : null
    if (!event || trace === null || (sampled && !isSampled(trace))) continue
    const id = notificationIn(event)
    if (id === null || !notifications.has(id)) continue
    const entries = found.get(id) ?? new Set<TrailEntry>()
    found.set(id, entries)
    for (const entry of trailOf(event)) if (entry.stage === stage) entries.add(entry)
  }
  return found
}

/** Writes trail entries into a span: codes and times, never details. */
export function tell(span: LiveSpan, entries: Iterable<TrailEntry>): void {
  for (const entry of entries) span.event(`${entry.stage} ${entry.event}`, entryFields(entry), entry.atMs)
}

function entryFields({ stage, channel, reason }: TrailEntry): SpanFields {
  return { 'carillon.stage': stage, 'carillon.channel': channel, 'carillon.reason': reason }
}
