/** Each decision of each stage, in order. */
import { el } from './elements.js'
import { clock, duration, exactly } from './wording.js'

/** A notification's timeline. */
export function timeline(entries) {
  if (entries.length === 0) return el('p', { class: 'nothing' }, 'Nothing yet.')
  const startMs = new Date(entries[0].at).getTime()
  return el('ol', { class: 'timeline' }, ...entries.map((entry) => line(entry, startMs)))
}

function line({ at, stage, event, channel, reason, detail, count }, startMs) {
  const sinceMs = new Date(at).getTime() - startMs
  return el(
    'li',
    { 'data-stage': stage },
    el(
      'p',
      null,
      el('strong', null, event),
      channel && el('span', { class: 'tag' }, channel),
      count > 1 && el('span', { class: 'quiet' }, `${count} times`),
      el('span', { class: 'quiet' }, `by ${stage}`),
      el('time', { datetime: at, title: exactly(at) }, clock(at), sinceMs > 0 && ` (+${duration(sinceMs)})`),
    ),
    reason && el('p', { class: 'reason' }, reason),
    detail && el('p', { class: 'reason' }, detail),
  )
}
