/** Times by the format of strftime, in English, with the flags and widths of Ruby's: `%-d`, `%^B`, `%3N`.
 *  https://docs.ruby-lang.org/en/3.3/strftime_formatting_rdoc.html */

/** A point in time as the clocks of a zone show it. */
export interface WallTime {
  /** Its fields in UTC are those of the zone's clocks. */
  readonly clock: Date
  readonly instantMs: number
  /** Minutes that the clocks are ahead of UTC. */
  readonly offsetMinutes: number
  /** Empty: only the offset is known. */
  readonly zone: string
}

/** `zone`: an IANA name, or the minutes that UTC is ahead, as Liquid takes them; UTC for anything else. Throws a
 *  `RangeError` for a zone that is not known. */
export function wallTime(instantMs: number, zone: unknown): WallTime {
  const name = typeof zone === 'string' ? zone : ''
  const offsetMinutes = name === '' ? -(typeof zone === 'number' ? zone : 0) : offsetIn(name, instantMs)
  return { clock: new Date(instantMs + offsetMinutes * 60_000), instantMs, offsetMinutes, zone: name }
}

/** The clock's text. `charge` is told of characters that widths make. */
export function formatTime(time: WallTime, format: string, charge: (characters: number) => void): string {
  charge(format.length)
  return format.replace(/%([-_0^#:]+)?(\d+)?[EO]?(.)/g, (all, flags = '', digits = '', conversion = '') => {
    const convert = conversions[conversion]
    if (!convert) return all
    const width = Number(digits)
    charge(width)
    const text = String(convert(time, { flags, width }))
    return padded(cased(text, flags), conversion, flags, width)
  })
}

interface Asked {
  readonly flags: string
  /** 0: none. */
  readonly width: number
}

const months = 'January February March April May June July August September October November December'.split(' ')
const days = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ')

const conversions: Readonly<Record<string, (time: WallTime, asked: Asked) => string | number>> = {
  a: ({ clock }) => weekday(clock).slice(0, 3),
  A: ({ clock }) => weekday(clock),
  b: ({ clock }) => month(clock).slice(0, 3),
  B: ({ clock }) => month(clock),
  c: ({ clock }) => clock.toLocaleString('en-US', { timeZone: 'UTC' }),
  C: ({ clock }) => Math.floor(clock.getUTCFullYear() / 100),
  d: ({ clock }) => clock.getUTCDate(),
  e: ({ clock }) => clock.getUTCDate(),
  h: ({ clock }) => month(clock).slice(0, 3),
  H: ({ clock }) => clock.getUTCHours(),
  I: ({ clock }) => clock.getUTCHours() % 12 || 12,
  j: ({ clock }) => dayOfYear(clock),
  k: ({ clock }) => clock.getUTCHours(),
  l: ({ clock }) => clock.getUTCHours() % 12 || 12,
  L: ({ clock }) => clock.getUTCMilliseconds(),
  m: ({ clock }) => clock.getUTCMonth() + 1,
  M: ({ clock }) => clock.getUTCMinutes(),
  n: () => '\n',
  N: ({ clock }, { width }) => fraction(clock, width || 9),
  p: ({ clock }) => (clock.getUTCHours() < 12 ? 'AM' : 'PM'),
  P: ({ clock }) => (clock.getUTCHours() < 12 ? 'am' : 'pm'),
  q: ({ clock }) => ordinal(clock.getUTCDate()),
  s: ({ instantMs }) => Math.floor(instantMs / 1000),
  S: ({ clock }) => clock.getUTCSeconds(),
  t: () => '\t',
  u: ({ clock }) => clock.getUTCDay() || 7,
  U: ({ clock }) => weekOfYear(clock, 0),
  w: ({ clock }) => clock.getUTCDay(),
  W: ({ clock }) => weekOfYear(clock, 1),
  x: ({ clock }) => clock.toLocaleDateString('en-US', { timeZone: 'UTC' }),
  X: ({ clock }) => clock.toLocaleTimeString('en-US', { timeZone: 'UTC' }),
  y: ({ clock }) => ((clock.getUTCFullYear() % 100) + 100) % 100,
  Y: ({ clock }) => clock.getUTCFullYear(),
  z: offset,
  Z: (time, asked) => time.zone || offset(time, asked),
  '%': () => '%',
}

/** Digits that a field has unless the format says. */
const widths: Readonly<Record<string, number>> = { j: 3, L: 3, Y: 4 }
const twoWide = new Set('CdeHIklmMSUWy')
const paddedWithBlanks = new Set('aAbBceklpP')

function padded(text: string, conversion: string, flags: string, width: number): string {
  const blanks = flags.includes('_') || (paddedWithBlanks.has(conversion) && !flags.includes('0'))
  const least = flags.includes('-') ? 0 : width || (twoWide.has(conversion) ? 2 : (widths[conversion] ?? 0))
  if (!blanks && text.startsWith('-')) return `-${text.slice(1).padStart(least - 1, '0')}`
  return text.padStart(least, blanks ? ' ' : '0')
}

function cased(text: string, flags: string): string {
  if (flags.includes('^')) return text.toUpperCase()
  if (!flags.includes('#')) return text
  return /[a-z]/.test(text) ? text.toUpperCase() : text.toLowerCase()
}

function weekday(clock: Date): string {
  return days[clock.getUTCDay()] ?? ''
}

function month(clock: Date): string {
  return months[clock.getUTCMonth()] ?? ''
}

function dayOfYear(clock: Date): number {
  const start = new Date(clock)
  start.setUTCMonth(0, 1)
  return Math.round((clock.getTime() - start.getTime()) / 86_400_000) + 1
}

/** Days before the first `startDay` of the year belong to week 0. */
function weekOfYear(clock: Date, startDay: number): number {
  const sinceStartDay = (clock.getUTCDay() - startDay + 7) % 7
  return Math.floor((dayOfYear(clock) - 1 - sinceStartDay + 7) / 7)
}

function ordinal(day: number): string {
  if (day >= 11 && day <= 13) return 'th'
  return { 1: 'st', 2: 'nd', 3: 'rd' }[day % 10] ?? 'th'
}

function fraction(clock: Date, digits: number): string {
  return String(clock.getUTCMilliseconds()).padStart(3, '0').slice(0, digits).padEnd(digits, '0')
}

function offset({ offsetMinutes }: WallTime, { flags }: Asked): string {
  const minutes = Math.abs(offsetMinutes)
  const [hour, minute] = [Math.floor(minutes / 60), minutes % 60].map((part) => String(part).padStart(2, '0'))
  return `${offsetMinutes < 0 ? '-' : '+'}${hour}${flags.includes(':') ? ':' : ''}${minute}`
}

/** How far the clocks of a zone are ahead, in minutes. Throws a `RangeError` for a zone that is not known. */
function offsetIn(timeZone: string, instantMs: number): number {
  const parts = new Intl.DateTimeFormat('en-US', {
    ...{ timeZone, calendar: 'iso8601', hourCycle: 'h23' },
    ...{ year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' },
  }).formatToParts(instantMs)
  const [year = 0, monthNumber = 1, day = 1, hour = 0, minute = 0, second = 0] = [
    ...['year', 'month', 'day', 'hour', 'minute', 'second'],
  ].map((type) => Number(parts.find((part) => part.type === type)?.value))
  const clock = new Date(0)
  clock.setUTCFullYear(year, monthNumber - 1, day)
  clock.setUTCHours(hour, minute, second)
  return Math.round((clock.getTime() - Math.floor(instantMs / 1000) * 1000) / 60_000)
}
