/** What deliver tells of a delivery. Event ids are the same when a step is repeated. */
import type { Delivery, DeliveryState, NotificationStatus } from '../../schemas/events.js'
import { extend } from '../trail.js'
import type { Classification } from './classification.js'
import type { SendResult } from './providers/provider.js'

/** One decision of deliver. */
export interface Note {
  readonly event: string
  readonly reason: string | null
  readonly detail: string | null
}

/** The delivery with one more decision in its trail. */
export function noted(delivery: Delivery, atMs: number, { event, reason, detail }: Note): Delivery {
  const entry = { atMs, stage: 'deliver', event, channel: delivery.channel, reason, detail }
  return { ...delivery, trail: extend(delivery.trail, entry) }
}

/** The delivery's state now, with the whole trail. */
export function report(delivery: Delivery, state: DeliveryState, final: boolean, atMs: number): NotificationStatus {
  const { id, notificationId, tenant, recipient, channel, provider, siblings, attempts } = delivery
  const { deferrals, trail, traceparent } = delivery
  return {
    eventId: `${id}-${state}-${attempts.length}-${deferrals}`,
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

/** What the trail says of a call. */
export function noteOf(classification: Classification, result: SendResult): Note {
  const detail = 'error' in result ? result.error : (result.detail ?? null)
  if (classification.kind === 'ended') {
    return { event: classification.state, reason: classification.reason, detail }
  }
  const until = classification.delivery.notBeforeMs
  const next = until === null ? '' : ` Next at ${new Date(until).toISOString()}.`
  return {
    event: classification.reason === 'retry' ? 'retried' : 'deferred',
    reason: result.outcome,
    detail: `${detail ?? ''}${next}`,
  }
}
