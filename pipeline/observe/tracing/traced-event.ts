/** What a trace tells of an event: what it is about, what was decided of it, and whether it went wrong before. */

import type { EventName, EventOf } from '../../../schemas/avro.js'
import type { Attempt, Delivery, NotificationStatus, TrailEntry } from '../../../schemas/events.js'
import { traceparentIn } from '../../../schemas/trace-context.js'
import { traceOf } from '../../engine/trace-context.js'
import type { AnyInput } from '../../engine/worker-observer.js'
import type { SpanFields } from './attributes.js'

/** The trace that a record belongs to: its event says it, or the header that an upstream gave it. */
export function recordTrace(record: AnyInput): string | null {
  return record.event === 'notification-inbound' ? traceparentIn(record.headers) : traceOf(record)
}

/** Whether a call for it failed or was put off before, or it has failed: such a one is followed from then on, whatever
 *  was decided for its trace. It is asked of the event, which every process has, so nothing else need remember it. */
export function isTroubled(event: EventOf<EventName>): boolean {
  switch (event.event) {
    case 'delivery-routed':
    case 'delivery-released':
      return event.value.delivery.attempts.length > 0 || event.value.delivery.deferrals > 0
    case 'notification-status':
      return isTroubledStatus(event.value)
    case 'dead-letter':
      return true
    default:
      return false
  }
}

function isTroubledStatus({ status, deliveries }: NotificationStatus): boolean {
  if (status === 'failed' || status === 'rejected') return true
  return deliveries.some((delivery) => delivery.status === 'failed' || delivery.attempts.some(failed))
}

function failed({ outcome }: Attempt): boolean {
  return outcome !== 'sent' && outcome !== 'delivered'
}

/** What was decided before, oldest first. */
export function trailOf(event: EventOf<EventName>): readonly TrailEntry[] {
  switch (event.event) {
    case 'notification-accepted':
    case 'notification-rendered':
    case 'notification-status':
      return event.value.trail
    case 'delivery-routed':
    case 'delivery-released':
      return event.value.delivery.trail
    default:
      return []
  }
}

/** The notification it is about; null where it is about none, or cannot say so yet. */
export function notificationIn(event: EventOf<EventName>): string | null {
  switch (event.event) {
    case 'notification-requested':
    case 'cancel-requested':
      return event.value.id
    case 'notification-accepted':
    case 'notification-rendered':
      return event.value.request.id
    case 'delivery-routed':
    case 'delivery-released':
      return event.value.delivery.notificationId
    case 'notification-status':
    case 'dead-letter':
    case 'replay-requested':
    case 'replay-decided':
      return event.value.notificationId
    case 'notification-changed':
    case 'notification-inbound':
    case 'provider-health':
      return null
  }
}

/** What a span says of it. */
export function fieldsOf(event: EventOf<EventName>): readonly SpanFields[] {
  const about = { 'carillon.notification': notificationIn(event) }
  switch (event.event) {
    case 'delivery-routed':
    case 'delivery-released':
      return [about, deliveryFields(event.value.delivery)]
    case 'notification-status':
      return [about, { 'carillon.status': event.value.status ?? event.value.deliveries[0]?.status }]
    default:
      return [about]
  }
}

function deliveryFields({ id, channel, provider, deferrals }: Delivery): SpanFields {
  return {
    'carillon.delivery': id,
    'carillon.channel': channel,
    'carillon.provider': provider,
    'carillon.deferrals': deferrals || null,
  }
}
