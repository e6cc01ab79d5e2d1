/** What a dead letter's record becomes when it is put back: the same event with what makes it a new try. Pure. */
import type { EventName, EventOf } from '../../schemas/avro.js'
import type { DeadLetter, Delivery, NotificationInbound, NotificationRequested } from '../../schemas/events.js'
import { accepted, inbound, type Outgoing, rendered, requested, routed } from '../../schemas/outgoing.js'

/** The events that a dead letter can be put back as. */
export type Renewed =
  | 'notification-inbound'
  | 'notification-requested'
  | 'notification-accepted'
  | 'notification-rendered'
  | 'delivery-routed'

export interface Renewal {
  readonly again: Outgoing<Renewed>
  /** Whose timeline tells of it. */
  readonly notification: { readonly notificationId: string; readonly tenant: string; readonly recipient: string }
}

type Subject = Pick<DeadLetter, 'id' | 'tenant' | 'notificationId'>

/** The record of a letter, renewed; null where there is nothing to put back. `event` is what its bytes say.
 *
 *  The nonce and the delivery's id follow from the letter, and a letter is replayed once: so they are fresh, and still
 *  the same should one replay ever be written twice. */
export function renewal(letter: Subject, event: EventOf<EventName>): Renewal | null {
  switch (event.event) {
    case 'notification-inbound':
      return ofInbound(event.value, letter)
    case 'notification-requested': {
      const request = renewedRequest(event.value, letter.id)
      return { again: requested(request), notification: named(request) }
    }
    case 'notification-accepted': {
      const request = renewedRequest(event.value.request, letter.id)
      return { again: accepted({ ...event.value, request }), notification: named(request) }
    }
    case 'notification-rendered': {
      const request = renewedRequest(event.value.request, letter.id)
      return { again: rendered({ ...event.value, request }), notification: named(request) }
    }
    case 'delivery-routed':
    case 'delivery-released':
      return ofDelivery(event.value.delivery)
    case 'cancel-requested':
    case 'notification-status':
    case 'dead-letter':
    case 'replay-requested':
    case 'replay-decided':
    case 'notification-changed':
    case 'provider-health':
      return null
  }
}

/** Nobody has checked yet what an upstream's event says: its words stay out of the record. */
function ofInbound(value: NotificationInbound, { tenant, notificationId }: Subject): Renewal | null {
  if (notificationId === null) return null
  const again = inbound({ ...value, replays: value.replays + 1 }, notificationId)
  return { again, notification: { notificationId, tenant, recipient: '' } }
}

function renewedRequest(request: NotificationRequested, nonce: string): NotificationRequested {
  return { ...request, nonce, replays: request.replays + 1 }
}

function named({ id, tenant, recipient }: NotificationRequested): Renewal['notification'] {
  return { notificationId: id, tenant, recipient }
}

/** A new id is a new idempotency key: the old one would make the provider answer as it did before. */
function ofDelivery(delivery: Delivery): Renewal {
  const { notificationId, tenant, recipient } = delivery
  const replays = delivery.replays + 1
  const id = `${delivery.id.replace(/\.r\d+$/, '')}.r${replays}`
  const again = routed({ ...delivery, id, replays, attempts: [], deferrals: 0, notBeforeMs: null, triedFromMs: null })
  return { again, notification: { notificationId, tenant, recipient } }
}
