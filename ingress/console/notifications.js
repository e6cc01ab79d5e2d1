/** Notifications, newest first, with filters. */
import { el, heading } from './elements.js'
import { liveList } from './live-list.js'
import { age, badge } from './wording.js'

const statuses = [
  'accepted',
  'scheduled',
  'processing',
  'delivered',
  'sent',
  'simulated',
  'cancelled',
  'expired',
  'suppressed',
  'failed',
  'duplicate',
  'rejected',
]
const channels = ['email', 'sms', 'push', 'inapp', 'webhook', 'slack']

/** How long typing rests before it filters, in milliseconds. */
const typingMs = 300

/** The newest few, without filters. */
export function latest(size) {
  const empty = [
    el('p', null, 'Nothing has come in yet.'),
    el('p', null, el('a', { class: 'button primary', href: '#/send' }, 'Send the first one')),
  ]
  return liveList({
    label: 'Latest notifications',
    path: 'v1/notifications',
    row,
    empty,
    size,
    paged: false,
    intervalMs: 1000,
  })
}

export function notifications() {
  const form = filters()
  const list = liveList({
    label: 'Notifications',
    path: 'v1/notifications',
    query: () => Object.fromEntries(new FormData(form)),
    row,
    empty: el('p', null, 'No notification matches.'),
  })
  let timer
  form.addEventListener('input', () => {
    clearTimeout(timer)
    timer = setTimeout(list.restart, typingMs)
  })
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    list.restart()
  })
  const stop = () => {
    clearTimeout(timer)
    list.stop()
  }
  return {
    title: 'Notifications',
    element: el('div', { class: 'view' }, heading('Notifications'), form, list.element),
    stop,
  }
}

function filters() {
  return el(
    'form',
    { class: 'filters', role: 'search', 'aria-label': 'Notifications' },
    choice('status', 'Status', statuses),
    choice('channel', 'Channel', channels),
    el(
      'div',
      { class: 'field' },
      el('label', { for: 'filter-recipient' }, 'Recipient'),
      el('input', {
        id: 'filter-recipient',
        name: 'recipient',
        type: 'search',
        placeholder: 'Its exact id',
        autocomplete: 'off',
        autocapitalize: 'none',
        spellcheck: 'false',
      }),
    ),
  )
}

function choice(name, label, values) {
  const id = `filter-${name}`
  const options = values.map((value) => el('option', { value }, value))
  return el(
    'div',
    { class: 'field' },
    el('label', { for: id }, label),
    el('select', { id, name }, el('option', { value: '' }, 'any'), ...options),
  )
}

function row({ id, status, recipient, channels: own, template, priority, createdAt }) {
  return el(
    'a',
    { class: 'row', href: `#/notifications/${encodeURIComponent(id)}` },
    badge(status),
    el('span', { class: 'main' }, recipient),
    el(
      'span',
      { class: 'quiet extra' },
      [own.join(', '), template?.id, priority === 'normal' ? null : priority].filter(Boolean).join(' · '),
    ),
    age(createdAt),
  )
}
