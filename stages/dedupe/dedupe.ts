/** Drops a notification whose twin was seen: one of the same id silently, for it is a retry of the same request; and,
 *  where the request asks for it, one with the same twin key within its window, which is recorded as a duplicate.
 *  A claim counts in every lane: a twin is a twin whatever its priority.
 *  Invariant: a claim belongs to a notification's id and commits with the step that forwards it, so a redelivered
 *  record is never its own duplicate and a crash loses neither. */
import type { NotificationRequested, TrailEntry } from '../../schemas/events.js'
import { accepted, cancel, status } from '../../schemas/outgoing.js'
import { drop, eachRecord, emit, type KeyedState, type Outcome, type RecordContext, type Stage } from '../stage.js'
import { summaryOf } from '../summary.js'

export interface DedupeOptions {
  /** How long an id is remembered: longer than anyone retries a request. */
  readonly idWindowMs: number
  /** True: tells the record store that the notification was accepted. False where the ingress has recorded it. */
  readonly announce: boolean
}

type In = 'notification-requested' | 'cancel-requested'
type Out = 'notification-accepted' | 'cancel-requested' | 'notification-status'

export function dedupe(options: DedupeOptions): Stage<In, Out> {
  return eachRecord('dedupe', 'notifications.requested', ({ event, value }, context) =>
    event === 'cancel-requested'
      ? emit(cancel(value, 'notifications.accepted', context.lane))
      : admit(value, context, options),
  )
}

function admit(request: NotificationRequested, context: RecordContext, options: DedupeOptions): Outcome<Out> {
  const { nowMs, sharedState: state } = context
  const { id, tenant, nonce, dedupe, recipient } = request
  const twinId = claim(state, `i/${tenant}/${id}/${nonce}`, context.recordId, nowMs + options.idWindowMs, nowMs)
  if (twinId !== context.recordId) return drop('same-id')
  if (dedupe) {
    // With its length, for both may hold slashes.
    const key = `k/${tenant}/${recipient.length}/${recipient}/${dedupe.key}`
    const owner = claim(state, key, id, nowMs + dedupe.windowMs, nowMs)
    if (owner !== id) return duplicate(request, owner, context)
  }
  const trail = [acceptedEntry(request), entry(nowMs, 'admitted')]
  const event = accepted({ request, trail })
  return options.announce ? emit(event, announcement(request, trail, context)) : emit(event)
}

/** Who owns the key: the given owner, where nobody else's claim stands. */
function claim(state: KeyedState, key: string, owner: string, untilMs: number, nowMs: number): string {
  const held = state.get(key)
  if (held) {
    const text = Buffer.from(held.buffer, held.byteOffset, held.byteLength).toString()
    const space = text.indexOf(' ')
    if (Number(text.slice(0, space)) > nowMs) return text.slice(space + 1)
  }
  state.put(key, Buffer.from(`${untilMs} ${owner}`), untilMs)
  return owner
}

function duplicate(request: NotificationRequested, owner: string, context: RecordContext): Outcome<Out> {
  const trail = [acceptedEntry(request), { ...entry(context.nowMs, 'dropped'), reason: 'duplicate', detail: owner }]
  const event = { ...announcement(request, trail, context).value, status: 'duplicate' as const, duplicateOf: owner }
  return drop('duplicate', status(event))
}

function announcement(
  request: NotificationRequested,
  trail: readonly TrailEntry[],
  { recordId, nowMs }: RecordContext,
) {
  return status({
    eventId: `${recordId}-dedupe`,
    notificationId: request.id,
    tenant: request.tenant,
    recipient: request.recipient,
    atMs: nowMs,
    status: 'accepted',
    duplicateOf: null,
    summary: summaryOf(request),
    deliveries: [],
    trail,
    traceparent: request.traceparent,
  })
}

function acceptedEntry({ acceptedAtMs }: NotificationRequested): TrailEntry {
  return { atMs: acceptedAtMs, stage: 'ingress', event: 'accepted', channel: null, reason: null, detail: null }
}

function entry(atMs: number, event: string): TrailEntry {
  return { atMs, stage: 'dedupe', event, channel: null, reason: null, detail: null }
}
