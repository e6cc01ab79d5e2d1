/** How numbers, times and statuses read. */
import { el } from './elements.js'

const whole = new Intl.NumberFormat('en')
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })
const percent = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 2 })
const dayAndTime = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' })
const timeOfDay = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' })

const tones = new Map([
  ...['delivered', 'sent', 'replayed', 'running'].map((status) => [status, 'good']),
  ...['accepted', 'scheduled', 'processing', 'queued', 'sending'].map((status) => [status, 'busy']),
  ...['simulated', 'transient', 'rate-limited', 'unknown', 'parked', 'restarting'].map((status) => [status, 'warn']),
  ...['failed', 'rejected', 'permanent', 'recipient', 'dead', 'stopped'].map((status) => [status, 'bad']),
])

/** A status as a small coloured label; the word itself carries the meaning. */
export function badge(status) {
  return el('span', { class: 'badge', 'data-tone': tones.get(status) ?? 'off' }, status)
}

/** 1234 → "1,234"; from 100,000 on "123K". */
export function count(number) {
  return number < 100_000 ? whole.format(number) : short.format(number)
}

/** Records a second, with one decimal where it matters. */
export function rate(perSecond) {
  return perSecond >= 10 ? count(Math.round(perSecond)) : String(Math.round(perSecond * 10) / 10)
}

/** 0..1 as a percentage, rounded down: nothing short of all is 100%. */
export function share(part) {
  return part === null || part === undefined ? '–' : percent.format(Math.floor(part * 10_000) / 10_000)
}

/** Milliseconds, or seconds from ten thousand on. */
export function duration(ms) {
  if (ms === null || ms === undefined) return '–'
  return ms < 10_000 ? `${whole.format(Math.round(ms))} ms` : `${whole.format(Math.round(ms / 1000))} s`
}

/** A full date and time, in the reader's zone. */
export function exactly(at) {
  const date = new Date(at)
  return Number.isNaN(date.getTime()) ? String(at) : dayAndTime.format(date)
}

/** The time of day with milliseconds, in the reader's zone. */
export function clock(at) {
  const date = new Date(at)
  if (Number.isNaN(date.getTime())) return String(at)
  return `${timeOfDay.format(date)}.${String(date.getMilliseconds()).padStart(3, '0')}`
}

/** "12 s ago", kept true by `refreshAges`. */
export function age(at) {
  return el('time', { datetime: at, title: exactly(at), class: 'age' }, ageText(at))
}

/** Rewrites every age on the page. */
export function refreshAges() {
  for (const node of document.querySelectorAll('time.age')) {
    const text = ageText(node.dateTime)
    if (node.textContent !== text) node.textContent = text
  }
}

function ageText(at) {
  const seconds = Math.round((Date.now() - new Date(at).getTime()) / 1000)
  if (Number.isNaN(seconds)) return ''
  if (seconds < -1) return exactly(at)
  if (seconds < 5) return 'now'
  if (seconds < 60) return `${seconds} s ago`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)} h ago` : exactly(at)
}
