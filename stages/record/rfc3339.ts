// Years of four digits, https://www.rfc-editor.org/rfc/rfc3339#section-5.6, in milliseconds since the epoch.
const earliestMs = Date.parse('0000-01-01T00:00:00.000Z')
const latestMs = Date.parse('9999-12-31T23:59:59.999Z')

/** Milliseconds since the epoch as an RFC 3339 time in UTC, `2026-01-31T12:00:00.000Z`. What lies outside its years
 *  is shown as the nearest time that does not. */
export function rfc3339(ms: number): string {
  return new Date(Math.min(Math.max(ms, earliestMs), latestMs)).toISOString()
}
