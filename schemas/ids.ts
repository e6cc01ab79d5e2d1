/** Ids and keys: short texts that stand in keys, paths and logs. */
import { v5 as uuidOf } from 'uuid'
import type { NotificationInbound } from './events.js'

/** Bytes of an id or key, in UTF-8. */
export const maxIdBytes = 256

// A control character cuts or forges lines and keys; a lone surrogate has no UTF-8.
const clean = /^[^\p{Cc}\p{Cs}]*$/u

/** Ids made here are UUIDs version 5 under this one: never to be changed. RFC 9562, section 5.5. */
const idNamespace = '5b0c7ad3-94a2-4e0b-8f4e-6d2f1c9a7e35'

/** Whether a text has no control characters and no lone surrogates. */
export function isClean(text: string): boolean {
  return clean.test(text)
}

/** Whether a text can be an id: 1 to 256 bytes of UTF-8 without control characters. */
export function isIdentifier(text: string | null): text is string {
  return text !== null && text !== '' && Buffer.byteLength(text) <= maxIdBytes && isClean(text)
}

/** An inbound event, and where it stands in the log. */
export interface InboundPlace {
  readonly value: NotificationInbound
  /** topic-partition-offset. */
  readonly recordId: string
  /** Milliseconds since the epoch. */
  readonly timestampMs: number
}

/** The id of the notification that an inbound event asks for: its own, else one that follows from the event's id, else
 *  one from where it stands in the log, so that reading it again makes no other. The record's time counts too, for a
 *  topic that was made anew counts from 0 again. */
export function notificationIdOf({ value, recordId, timestampMs }: InboundPlace): string {
  const { id, eventId } = value
  if (isIdentifier(id)) return id
  return idFrom(isIdentifier(eventId) ? `event/${eventId}` : `record/${recordId}/${timestampMs}`)
}

/** The id that follows from a name; the same name gives the same id. */
export function idFrom(name: string): string {
  return uuidOf(name, idNamespace)
}
