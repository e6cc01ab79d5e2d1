/** Ids, keys and addresses: short texts that stand in keys, paths and logs. */

import { randomUUID } from 'node:crypto'
import { z } from '@hono/zod-openapi'
import { hasHiddenCharacters } from '../../schemas/addresses.js'
import { isClean, maxIdBytes } from '../../schemas/ids.js'

/** A text of 1 to `maxBytes` bytes of UTF-8 without control characters. */
export function shortText(maxBytes: number) {
  const tooLong = `Must be at most ${maxBytes} bytes.`
  return z
    .string()
    .min(1)
    .max(maxBytes, { error: tooLong, abort: true })
    .refine((value) => value.length * 3 <= maxBytes || Buffer.byteLength(value) <= maxBytes, tooLong)
    .refine((value) => isClean(value), 'Must not have control characters.')
}

/** An id or key. */
export const identifier = shortText(maxIdBytes)

/** An e-mail address or a phone number. Whether its channel takes it is route's to say; what nobody sees in it was
 *  pasted along, or is there to deceive. */
export const addressText = identifier.refine(
  (value) => !isClean(value) || !hasHiddenCharacters(value),
  'Must not have characters that nobody sees, such as marks of direction or soft hyphens.',
)

/** When a UUIDv7 was made, in milliseconds since the epoch; null for any other id. RFC 9562, section 5.7. */
function madeAtMs(id: string): number | null {
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i.test(id)) return null
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
}

/** How old an id may be whose record may not be there yet, where stages are behind; also how far clocks may differ. */
const freshMs = 10 * 60 * 1000

/** Whether an id was made so lately that its record may be yet to come. */
export function isFresh(id: string, nowMs: number): boolean {
  const at = madeAtMs(id)
  return at !== null && Math.abs(nowMs - at) < freshMs
}

export const correlationHeader = 'x-correlation-id'

// Printable ASCII: it goes into headers and logs as it came.
const sane = /^[\x20-\x7e]{1,128}$/

/** The caller's id if it is printable and at most 128 characters, else a new one. */
export function correlationIdOf(header: string | undefined, make: () => string = randomUUID): string {
  return header !== undefined && sane.test(header) ? header : make()
}
