/** Records that no stage could take: what, why, and again. */
import { el, heading } from './elements.js'
import { liveList } from './live-list.js'
import { age, badge } from './wording.js'

export function deadLetters() {
  const list = liveList({
    label: 'Dead letters',
    path: 'v1/dead-letters',
    row,
    empty: el('p', null, 'None. Every record could be taken.'),
  })
  const intro = el(
    'p',
    { class: 'quiet' },
    'Records that a stage could not take, with their original bytes. Replay one after its cause is gone.',
  )
  return {
    title: 'Dead letters',
    element: el('div', { class: 'view' }, heading('Dead letters'), intro, list.element),
    stop: list.stop,
  }
}

function row({ id, status, cause, stage, detail, at }) {
  return el(
    'a',
    { class: 'row', href: `#/dead-letters/${encodeURIComponent(id)}` },
    badge(status),
    el('span', { class: 'main' }, `${cause} in ${stage}`),
    el('span', { class: 'quiet extra' }, detail),
    age(at),
  )
}
