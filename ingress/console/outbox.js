/** What would have been sent, had there been a provider. */
import { el, heading, json, notificationLink } from './elements.js'
import { liveList } from './live-list.js'
import { age, badge } from './wording.js'

export function outbox() {
  const list = liveList({
    label: 'Outbox',
    path: 'v1/outbox',
    row,
    empty: el('p', null, 'Empty: every message so far had a provider, or none has come.'),
  })
  const notice = el(
    'div',
    { class: 'notice' },
    el(
      'p',
      null,
      el('strong', null, 'Nothing here was sent.'),
      ' No provider is configured for these channels, so Carillon keeps what it would have sent.',
    ),
    el(
      'p',
      { class: 'quiet' },
      'Set ',
      el('code', null, 'CARILLON_SMTP_URL'),
      ' for e-mail, ',
      el('code', null, 'CARILLON_WEBHOOK_SECRET'),
      ' for webhooks or ',
      el('code', null, 'CARILLON_PROVIDER_URL'),
      ' for the others, and start again.',
    ),
  )
  const element = el('div', { class: 'view' }, heading('Outbox'), notice, list.element)
  return { title: 'Outbox', element, stop: list.stop }
}

function row(message) {
  const { channel, address, at } = message
  const content = message.message
  const title = content.subject ?? content.text ?? ''
  const body = el('div', { class: 'letter' })
  const details = el(
    'details',
    null,
    el(
      'summary',
      { class: 'row' },
      badge(channel),
      el('span', { class: 'main' }, title.slice(0, 200) || 'Without a subject'),
      el('span', { class: 'quiet extra' }, address),
      age(at),
    ),
    body,
  )
  // Filled only while open: a closed letter costs neither a frame nor memory.
  details.addEventListener('toggle', () => body.replaceChildren(...(details.open ? letter(message) : [])))
  return details
}

function letter({ notificationId, address, channel, message }) {
  const { html, text, data } = message
  return [
    el(
      'p',
      { class: 'quiet' },
      `Not sent: ${channel} to ${address}. `,
      notificationLink(notificationId, 'See its notification'),
    ),
    html && part('HTML, shown without scripts and without images from elsewhere', frame(html)),
    text && part('Text', el('pre', { tabindex: 0 }, text)),
    data !== undefined && data !== null && part('Data', json(data)),
  ].filter(Boolean)
}

function part(title, content) {
  return el('div', { class: 'field' }, el('p', { class: 'hint' }, title), content)
}

/** A stranger's HTML: an empty sandbox gives it no scripts, no forms, no origin. */
function frame(html) {
  return el('iframe', { sandbox: '', srcdoc: html, title: 'The message as HTML', referrerpolicy: 'no-referrer' })
}
