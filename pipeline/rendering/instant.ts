/** Points in time as templates are given them. */

/** Characters of a time that is given as text. */
const maxText = 100

/** A date alone, which JavaScript takes for UTC. */
const dateOnly = /^[+-]?\d{4,6}(?:-\d{2}){0,2}$/
/** A zone or an offset behind a time, as far as JavaScript reads them. */
const zoned =
  /(?:\bUTC?|\bGMT|\b[ECMP][SD]T|\dZ|\sZ|(?:\d:\d\d(?:[:.]\d+)*|GMT|UTC?)\s*[+-]\d{1,2}(?::?\d{2})?)\s*(?:\(.*)?$/i

/** Milliseconds since the epoch: of a number or digits, which are seconds; of `now` and `today`; of a text, which is in
 *  UTC unless it names its offset. Undefined: it is no time. */
export function parseInstant(value: unknown): number | undefined {
  const ms = millisecondsOf(value)
  return Number.isNaN(new Date(ms).getTime()) ? undefined : ms
}

function millisecondsOf(value: unknown): number {
  if (typeof value === 'number') return value * 1000
  if (typeof value !== 'string' || value.length > maxText) return Number.NaN
  const text = value.trim()
  if (text === 'now' || text === 'today') return Date.now()
  if (/^\d+$/.test(text)) return Number(text) * 1000
  if (dateOnly.test(text) || zoned.test(text)) return Date.parse(text)
  const inUtc = Date.parse(`${text}Z`)
  return Number.isNaN(inUtc) ? Date.parse(`${text} UTC`) : inUtc
}
