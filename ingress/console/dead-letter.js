/** One dead letter: what it was, why nobody could take it, and its replay. */
import { get, post } from './api.js'
import { el, facts, heading, json, notificationLink, setText, spring, titled } from './elements.js'
import { finished, poll } from './poll.js'
import { badge, exactly } from './wording.js'

/** How many characters of the original bytes are shown, in base64. */
const shownLength = 8192

/** One dead letter, with its replay. */
export function deadLetter(id) {
  const path = `v1/dead-letters/${encodeURIComponent(id)}`
  const status = el('span', { role: 'status', class: 'standing' })
  const replay = el('button', { type: 'button', class: 'button', hidden: true, click: replayIt }, 'Replay it')
  const verdict = el('p', { class: 'verdict', role: 'status' })
  const content = el('div', { class: 'stack' }, el('p', { class: 'quiet' }, 'Asking…'))
  let polling = poll(ask, 1000)

  async function ask(signal) {
    const record = await get(path, undefined, signal).catch((error) => {
      if (error.status !== 404) throw error
    })
    replay.hidden = record?.status !== 'dead' || record.replayable === false
    status.replaceChildren(...(record ? [badge(record.status)] : []))
    content.replaceChildren(
      ...(record ? details(record) : [el('p', { class: 'nothing' }, 'There is no dead letter with this id.')]),
    )
    return finished
  }

  async function replayIt() {
    replay.disabled = true
    const text = await post(`${path}/replay`).then(
      ({ status }) => (status === 202 ? 'Asked for; not decided yet.' : 'Put back where it was given up.'),
      (error) => error.message,
    )
    setText(verdict, text)
    replay.disabled = false
    polling.stop()
    polling = poll(ask, 1000)
  }

  const element = el(
    'div',
    { class: 'view' },
    el('a', { class: 'back', href: '#/dead-letters' }, 'Dead letters'),
    heading('Dead letter', status, spring(), replay),
    el('p', { class: 'id' }, el('code', null, id)),
    verdict,
    content,
  )
  return { title: 'Dead letter', element, stop: () => polling.stop() }
}

function details(record) {
  const { notificationId, headers, decoded, valueBase64 } = record
  return [
    facts([
      ['Cause', record.cause],
      ['Detail', record.detail],
      ['Stage', record.stage],
      ['Read from', `${record.topic}, partition ${record.partition}, offset ${record.offset}`],
      ['When', exactly(record.at)],
      ['Replays', String(record.replays)],
      ['Notification', notificationId ? notificationLink(notificationId) : null],
    ]),
    titled('Record', decoded ? json(decoded) : el('p', { class: 'nothing' }, 'Its bytes cannot be read as an event.')),
    Object.keys(headers).length > 0 && titled('Headers', json(headers)),
    valueBase64 && titled('Original bytes, base64', bytes(valueBase64)),
  ].filter(Boolean)
}

function bytes(base64) {
  const cut = base64.length > shownLength
  return el('pre', { class: 'code', tabindex: 0 }, base64.slice(0, shownLength), cut && '…')
}
