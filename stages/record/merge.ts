/** The merge of status events into the record of a notification. Pure.
 *
 *  Invariant: merging is associative, commutative and idempotent: the same events give the same state in any order,
 *  in any portions, and however often each comes. */
import type { NotificationStatus, NotificationSummary } from '../../schemas/events.js'
import { mergeDeliveries } from './deliveries.js'
import type { KnownEnd, RecordState } from './state.js'
import { compareTexts, mergeTrails } from './trail.js'

/** The state with the events in it. `events` are one notification's, and not empty where there is no state yet. */
export function mergeRecord(current: RecordState | undefined, events: readonly NotificationStatus[]): RecordState {
  const [first] = events
  const start = current ?? (first && unknownYet(first))
  if (!start) throw new RangeError('There is neither a record nor an event to make one of.')
  let { summary, duplicateOf, firstAtMs, lastAtMs, ends, deliveries } = start
  const trails = [start.trail]
  for (const event of events) {
    summary = earlierSummary(summary, event.summary)
    duplicateOf = firstText(duplicateOf, event.duplicateOf)
    firstAtMs = Math.min(firstAtMs, event.atMs)
    lastAtMs = Math.max(lastAtMs, event.atMs)
    ends = mergeEnd(ends, event)
    deliveries = mergeDeliveries(deliveries, event.deliveries, event.atMs)
    trails.push(event.trail)
  }
  const { id, tenant, recipient } = start
  const trail = mergeTrails(trails)
  return { id, tenant, recipient, summary, duplicateOf, firstAtMs, lastAtMs, ends, deliveries, trail }
}

/** The events of each notification, so that each record is merged once. */
export function groupByNotification(events: readonly NotificationStatus[]): Iterable<readonly NotificationStatus[]> {
  const groups = new Map<string, NotificationStatus[]>()
  for (const event of events) {
    const key = `${event.tenant.length}/${event.tenant}/${event.notificationId}`
    const group = groups.get(key)
    if (group) group.push(event)
    else groups.set(key, [event])
  }
  return groups.values()
}

function unknownYet({ notificationId, tenant, recipient, atMs }: NotificationStatus): RecordState {
  return {
    id: notificationId,
    tenant,
    recipient,
    summary: null,
    duplicateOf: null,
    firstAtMs: atMs,
    lastAtMs: atMs,
    ends: [],
    deliveries: [],
    trail: [],
  }
}

/** Every event of a notification tells the same summary, but for a replay's; the first acceptance counts. */
function earlierSummary(a: NotificationSummary | null, b: NotificationSummary | null): NotificationSummary | null {
  if (a === null || b === null) return a ?? b
  return (a.acceptedAtMs - b.acceptedAtMs || compareTexts(a.correlationId, b.correlationId)) <= 0 ? a : b
}

function firstText(a: string | null, b: string | null): string | null {
  if (a === null || b === null) return a ?? b
  return a < b ? a : b
}

/** The ends with what an event tells in them. */
export function mergeEnd(ends: readonly KnownEnd[], { status, atMs }: NotificationStatus): readonly KnownEnd[] {
  if (status === null || status === 'accepted') return ends
  const known = ends.find((end) => end.status === status)
  if (known && known.atMs >= atMs) return ends
  return [...ends.filter((end) => end !== known), { status, atMs }].sort((a, b) => compareTexts(a.status, b.status))
}
