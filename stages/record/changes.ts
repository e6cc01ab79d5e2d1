/** What watchers are told of a merge. Pure.
 *
 *  Invariant: whatever was merged in one go, every public status that the notification went through is told, in order;
 *  and `atMs` never goes back from one change of a notification to the next. */
import type {
  DeliveryStatus,
  NotificationChanged,
  NotificationRequested,
  NotificationStatus,
} from '../../schemas/events.js'
import { type Change, type NotificationState, notificationStatuses } from '../../schemas/record.js'
import { mergeDeliveries } from './deliveries.js'
import { mergeEnd } from './merge.js'
import { rfc3339 } from './rfc3339.js'
import type { RecordState } from './state.js'
import { statusOf } from './status.js'

/** One record before and after a merge of one or more events. */
export interface Merged {
  /** Undefined: there was none. */
  readonly before: RecordState | undefined
  readonly events: readonly NotificationStatus[]
  readonly after: RecordState
}

/** `again`: an earlier merge of these events may have been stored by one who could not tell of it any more. So the
 *  status is told even where nothing changed. */
export function changesOf({ before, events, after }: Merged, again = false): readonly NotificationChanged[] {
  const { id: notificationId, tenant, recipient, summary } = after
  const origin = summary?.origin || 'native'
  const changes: NotificationChanged[] = []
  let { ends, deliveries } = before ?? unknown
  let status: NotificationState | null = before ? statusOf(before) : null
  let atMs = before?.lastAtMs ?? 0
  for (const event of inOrder(events)) {
    ends = mergeEnd(ends, event)
    deliveries = mergeDeliveries(deliveries, event.deliveries, event.atMs)
    atMs = Math.max(atMs, event.atMs)
    const now = statusOf({ ends, deliveries })
    const inbox = event.deliveries.some(hasArrived)
    if (now !== status || inbox) {
      const waitsAgain = now === 'scheduled' && status === 'processing'
      const told = now === status ? null : now
      changes.push({ notificationId, tenant, recipient, status: told, inbox, waitsAgain, origin, atMs })
    }
    status = now
  }
  if (again && changes.every((change) => change.status === null)) {
    const waitsAgain = status === 'scheduled' && deliveries.some(({ attempts }) => attempts.length > 0)
    changes.push({ notificationId, tenant, recipient, status, inbox: false, waitsAgain, origin, atMs })
  }
  return changes
}

/** The change that an acceptance is, where the record was written with it. */
export function acceptedChange({
  id,
  recipient,
  origin,
  acceptedAtMs,
}: Pick<NotificationRequested, 'id' | 'recipient' | 'origin' | 'acceptedAtMs'>): Change {
  const at = rfc3339(acceptedAtMs)
  return { id, recipient, origin: origin || 'native', status: 'accepted', inbox: false, waitsAgain: false, at }
}

/** As watchers see it. A status of a later version of Carillon is none that they know. */
export function showChange({ notificationId: id, status, atMs, ...change }: NotificationChanged): Change {
  const { recipient, origin, inbox, waitsAgain } = change
  return { id, recipient, origin, status: known.get(status ?? '') ?? null, inbox, waitsAgain, at: rfc3339(atMs) }
}

const unknown: Pick<RecordState, 'ends' | 'deliveries'> = { ends: [], deliveries: [] }
const known: ReadonlyMap<string, NotificationState> = new Map(notificationStatuses.map((status) => [status, status]))

/** Acceptance first, whatever the clocks of two machines say. */
function inOrder(events: readonly NotificationStatus[]): readonly NotificationStatus[] {
  if (events.length < 2) return events
  const rank = ({ status }: NotificationStatus) => Number(status !== 'accepted')
  return [...events].sort((a, b) => rank(a) - rank(b) || a.atMs - b.atMs)
}

function hasArrived({ channel, final, status }: DeliveryStatus): boolean {
  return channel === 'inapp' && final && status === 'delivered'
}
