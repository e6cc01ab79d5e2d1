/** The trace that an event belongs to. Each event says it itself, as W3C writes it
 *  (https://www.w3.org/TR/trace-context/), so it survives whatever the event survives: parking, retries, replays. */

import type { EventName, EventOf } from '../../schemas/avro.js'
import { traceparentIn } from '../../schemas/trace-context.js'

/** Where in the text the flags end. */
const lastOfFlags = 54
const nine = '9'.charCodeAt(0)

/** The record header that carries it, for readers outside. */
export const traceHeader = 'traceparent'

/** Null where the event has none, or where its kind carries none. */
export function traceOf(event: EventOf<EventName>): string | null {
  switch (event.event) {
    case 'notification-requested':
    case 'notification-status':
      return event.value.traceparent
    case 'notification-accepted':
    case 'notification-rendered':
      return event.value.request.traceparent
    case 'delivery-routed':
    case 'delivery-released':
      return event.value.delivery.traceparent
    case 'dead-letter':
      return traceparentIn(event.value.headers)
    case 'notification-inbound':
    case 'notification-changed':
    case 'cancel-requested':
    case 'replay-requested':
    case 'replay-decided':
    case 'provider-health':
      return null
  }
}

/** Whether whoever began the trace wants it recorded: the last bit of the flags. */
export function isSampled(traceparent: string): boolean {
  const code = traceparent.charCodeAt(lastOfFlags)
  // A digit's code is odd where the digit is; an a's is odd, and it is ten.
  return (code > nine ? code + 1 : code) % 2 === 1
}
