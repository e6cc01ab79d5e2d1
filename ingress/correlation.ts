/** What ties a request to everything that follows from it: the correlation id. */
import { randomUUID } from 'node:crypto'

export const correlationHeader = 'x-correlation-id'

// Printable ASCII: it goes into headers and logs as it came.
const sane = /^[\x20-\x7e]{1,128}$/

/** The caller's id if it is printable and at most 128 characters, else a new one. */
export function correlationIdOf(header: string | undefined, make: () => string = randomUUID): string {
  return header !== undefined && sane.test(header) ? header : make()
}
