/** One notification: where it stands, its deliveries, and why everything happened. */
import { get, post } from './api.js'
import { copyButton, el, facts, heading, json, notificationLink, setText, spring, titled } from './elements.js'
import { finished, poll } from './poll.js'
import { timeline } from './timeline.js'
import { badge, clock, duration, exactly } from './wording.js'

const ends = new Set([
  'delivered',
  'sent',
  'simulated',
  'cancelled',
  'expired',
  'suppressed',
  'failed',
  'duplicate',
  'rejected',
])

/** The notification, asked for every second until it has ended. */
export function notification(id) {
  const status = el('span', { role: 'status', class: 'standing' })
  const cancel = el('button', { type: 'button', class: 'button', hidden: true, click: cancelIt }, 'Cancel it')
  const verdict = el('p', { class: 'verdict', role: 'status' })
  const content = el('div', { class: 'stack' }, el('p', { class: 'quiet' }, 'Asking…'))
  const path = `v1/notifications/${encodeURIComponent(id)}`
  let last = ''
  let polling = poll(ask, 1000)

  async function ask(signal) {
    const record = await get(path, undefined, signal).catch((error) => {
      if (error.status !== 404) throw error
    })
    if (record === undefined) return missing()
    const text = JSON.stringify(record)
    const ended = ends.has(record.status)
    cancel.hidden = ended
    if (text !== last) {
      last = text
      if (status.textContent !== record.status) status.replaceChildren(badge(record.status))
      content.replaceChildren(...details(record))
    }
    return ended ? finished : undefined
  }

  function missing() {
    content.replaceChildren(
      el('p', { class: 'nothing' }, 'There is no notification with this id. It may have been removed by age.'),
    )
    return finished
  }

  async function cancelIt() {
    cancel.disabled = true
    const text = await post(`${path}/cancel`).then(
      (answer) => (answer.status === 202 ? 'Asked to cancel; the throttle stage has not decided yet.' : 'Cancelled.'),
      (error) => error.message,
    )
    setText(verdict, text)
    cancel.disabled = false
    polling.stop()
    polling = poll(ask, 1000)
  }

  const element = el(
    'div',
    { class: 'view' },
    el('a', { class: 'back', href: '#/notifications' }, 'Notifications'),
    heading('Notification', status, spring(), cancel),
    el(
      'p',
      { class: 'id' },
      el('code', null, id),
      copyButton('Copy', () => id),
    ),
    verdict,
    content,
  )
  return { title: 'Notification', element, stop: () => polling.stop() }
}

function details(record) {
  return [
    facts([
      ['Recipient', record.recipient],
      ['Channels', record.channels.join(', ') || null],
      ['Priority', record.priority],
      ['Template', record.template ? `${record.template.id}, version ${record.template.version}` : null],
      ['Accepted', exactly(record.createdAt)],
      ['Send at', record.sendAt ? exactly(record.sendAt) : null],
      ['Duplicate of', record.duplicateOf ? notificationLink(record.duplicateOf) : null],
      ['Batch', record.batchId],
      ['Came by', record.origin],
      ['Correlation id', record.correlationId],
    ]),
    el(
      'div',
      { class: 'columns' },
      titled('Timeline', timeline(record.timeline)),
      el(
        'div',
        { class: 'stack' },
        titled('Deliveries', el('div', { class: 'list' }, ...deliveries(record))),
        metadata(record.metadata),
      ),
    ),
  ]
}

function metadata(given) {
  return given !== undefined && given !== null && titled('Metadata', json(given))
}

function deliveries({ deliveries: all, status }) {
  if (all.length > 0) return all.map(delivery)
  return [el('p', { class: 'nothing' }, ends.has(status) ? 'It went out on no channel.' : 'None yet.')]
}

function delivery({ channel, provider, status, attempts }) {
  const kept =
    provider === 'outbox' &&
    el(
      'p',
      { class: 'kept' },
      'No provider carries this channel, so nothing was sent. ',
      el('a', { href: '#/outbox' }, 'See the outbox'),
    )
  return el(
    'article',
    { class: 'delivery' },
    el('h3', null, channel, badge(status), provider && el('span', { class: 'quiet' }, `by ${provider}`)),
    kept,
    attempts.length > 0 && el('ol', { class: 'attempts', 'aria-label': 'Attempts' }, ...attempts.map(attempt)),
  )
}

function attempt({ number, at, outcome, error, latencyMs }) {
  return el(
    'li',
    null,
    el('span', { class: 'quiet' }, `Attempt ${number}`),
    badge(outcome),
    el('time', { datetime: at, title: exactly(at) }, clock(at)),
    el('span', { class: 'quiet' }, duration(latencyMs)),
    error && el('p', { class: 'reason' }, error),
  )
}
