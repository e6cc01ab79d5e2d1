/** When a service that is asked too often wants to be asked again, in all the forms in which services say it. */

/** Headers of an answer, their names in lower case. */
export type AnswerHeaders = Readonly<Record<string, string | undefined>>

/** Those that are read here, the most exact first. */
export const retryHeaders = [
  'retry-after-ms',
  'x-retry-after-ms',
  'retry-after',
  'x-retry-after',
  'ratelimit',
  'ratelimit-reset',
  'x-ratelimit-reset',
] as const

/** How long to wait, in milliseconds; null where the answer does not say. `limited`: the answer is a limit, so that its
 *  headers on limits count as well; elsewhere they tell of other calls. */
export function retryAfterMs(headers: AnswerHeaders, nowMs: number, limited: boolean): number | null {
  const waits = [
    milliseconds(headers['retry-after-ms'] ?? headers['x-retry-after-ms']),
    secondsOrDate(headers['retry-after'], nowMs),
    secondsOrDate(headers['x-retry-after'], nowMs),
    ...(limited
      ? [
          structuredReset(headers.ratelimit),
          resetAfter(headers['ratelimit-reset'], nowMs),
          resetAfter(headers['x-ratelimit-reset'], nowMs),
        ]
      : []),
  ]
  return waits.find((wait) => wait !== null) ?? null
}

/** `retry-after-ms: 1500`, as OpenAI and Azure say it. */
function milliseconds(text: string | undefined): number | null {
  return /^\d{1,12}(?:\.\d{1,6})?$/.test(text?.trim() ?? '') ? Math.ceil(Number(text)) : null
}

/** Retry-After (RFC 9110, 10.2.3): whole seconds, or a date. */
function secondsOrDate(header: string | undefined, nowMs: number): number | null {
  const text = header?.trim() ?? ''
  if (/^\d{1,10}$/.test(text)) return Number(text) * 1000
  const atMs = httpDateMs(text, nowMs)
  return atMs === null ? null : Math.max(0, atMs - nowMs)
}

/** `RateLimit: "default";r=0;t=30` (draft-ietf-httpapi-ratelimit-headers): t is in seconds. */
function structuredReset(header: string | undefined): number | null {
  const [, seconds] = /(?:^|[;,\s])(?:t|reset)\s*=\s*(\d{1,10})\b/.exec(header ?? '') ?? []
  return seconds === undefined ? null : Number(seconds) * 1000
}

/** More seconds than any limit lasts are a point in time. */
const epochFromSeconds = 1_000_000_000

/** Seconds until the limit is over (the drafts' RateLimit-Reset), or when it is over, in seconds since the epoch (GitHub's
 *  X-RateLimit-Reset). */
function resetAfter(header: string | undefined, nowMs: number): number | null {
  const text = header?.trim() ?? ''
  if (!/^\d{1,13}(?:\.\d{1,6})?$/.test(text)) return secondsOrDate(header, nowMs)
  const seconds = Number(text)
  if (seconds < epochFromSeconds) return Math.ceil(seconds * 1000)
  const atMs = seconds > epochFromSeconds * 1000 ? seconds : seconds * 1000
  return Math.max(0, Math.ceil(atMs - nowMs))
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const time = String.raw`(?<hour>\d{2}):(?<minute>\d{2}):(?<second>\d{2})`
/** The three forms of an HTTP date (RFC 9110, 5.6.7), always in GMT: IMF-fixdate, RFC 850, and that of C's asctime. */
const dateForms = [
  new RegExp(String.raw`^[a-z]{3}, (?<day>\d{2}) (?<month>[a-z]{3}) (?<year>\d{4}) ${time} (?:gmt|utc|\+0000)$`, 'i'),
  new RegExp(String.raw`^[a-z]{6,9}, (?<day>\d{2})-(?<month>[a-z]{3})-(?<year>\d{2}) ${time} gmt$`, 'i'),
  new RegExp(String.raw`^[a-z]{3} (?<month>[a-z]{3}) (?<day>[ \d]\d) ${time} (?<year>\d{4})$`, 'i'),
]
const fiftyYears = 50

/** Milliseconds since the epoch; null for what is no HTTP date. */
function httpDateMs(text: string, nowMs: number): number | null {
  const parts = dateForms.map((form) => form.exec(text)?.groups).find((groups) => groups !== undefined)
  if (!parts) return null
  const { year = '', month = '', day, hour, minute, second } = parts
  const monthIndex = months.indexOf(month.toLowerCase())
  if (monthIndex < 0) return null
  const at = (fullYear: number) =>
    Date.UTC(fullYear, monthIndex, Number(day), Number(hour), Number(minute), Number(second))
  return at(year.length === 4 ? Number(year) : fullYearOf(Number(year), nowMs))
}

/** A year of two digits that seems to be more than 50 years ahead is the last one with these digits (RFC 9110, 5.6.7). */
function fullYearOf(digits: number, nowMs: number): number {
  const thisYear = new Date(nowMs).getUTCFullYear()
  const inThisCentury = thisYear - (thisYear % 100) + digits
  return inThisCentury > thisYear + fiftyYears ? inThisCentury - 100 : inThisCentury
}
