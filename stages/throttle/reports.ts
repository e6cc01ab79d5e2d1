/** What throttle tells of a delivery. Event ids are the same when a step is repeated. */
import type { CancelRequested, Delivery, DeliveryState, NotificationStatus, TrailEntry } from '../../schemas/events.js'
import { extend } from '../trail.js'

/** The delivery with one more decision in its trail. `untilMs`: until when it waits, where that is known. */
export function withEntry(
  delivery: Delivery,
  atMs: number,
  event: string,
  reason: string | null,
  untilMs: number | null,
): Delivery {
  const detail = untilMs === null ? null : `until ${new Date(untilMs).toISOString()}`
  return { ...delivery, trail: extend(delivery.trail, entryOf(delivery.channel, atMs, event, reason, detail)) }
}

export function releasedStatus(delivery: Delivery, atMs: number): NotificationStatus {
  return report(delivery, 'released', 'sending', false, atMs)
}

/** It waits, and that is worth telling now: for a time, or for a provider in trouble. */
export function waitingStatus(delivery: Delivery, atMs: number): NotificationStatus {
  return report(delivery, 'parked', 'scheduled', false, atMs)
}

export function endedStatus(
  delivery: Delivery,
  how: 'expired' | 'cancelled' | 'suppressed',
  atMs: number,
  reason: string | null = null,
): NotificationStatus {
  return report(withEntry(delivery, atMs, how, reason, null), how, how, true, atMs)
}

/** The cancel came too late: nothing of the notification waits here. A later retry is still cancelled. */
export function refusedStatus(command: CancelRequested, atMs: number): NotificationStatus {
  return {
    eventId: `${command.id}-cancel-refused-${command.requestedAtMs}`,
    notificationId: command.id,
    tenant: command.tenant,
    recipient: command.recipient,
    atMs,
    status: null,
    duplicateOf: null,
    summary: null,
    deliveries: [],
    trail: [entryOf(null, atMs, 'cancel-refused', 'already-out', null)],
    traceparent: null,
  }
}

function report(
  delivery: Delivery,
  what: string,
  state: DeliveryState,
  final: boolean,
  atMs: number,
): NotificationStatus {
  const { id, notificationId, tenant, recipient, channel, provider, siblings, attempts } = delivery
  const { deferrals, trail, traceparent } = delivery
  return {
    eventId: `${id}-${what}-${attempts.length}-${deferrals}`,
    notificationId,
    tenant,
    recipient,
    atMs,
    status: null,
    duplicateOf: null,
    summary: null,
    deliveries: [{ id, channel, provider, status: state, final, siblings, attempts }],
    trail,
    traceparent,
  }
}

function entryOf(
  channel: string | null,
  atMs: number,
  event: string,
  reason: string | null,
  detail: string | null,
): TrailEntry {
  return { atMs, stage: 'throttle', event, channel, reason, detail }
}
