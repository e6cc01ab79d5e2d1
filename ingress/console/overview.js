/** What a visitor sees first: the flow, the latest notifications, the channels. */
import { channels } from './channels.js'
import { el, heading, titled } from './elements.js'
import { flow } from './flow.js'
import { latest } from './notifications.js'

/** How many notifications are shown. */
const shown = 8

export function overview() {
  const parts = { flow: flow(), latest: latest(shown), channels: channels() }
  const all = el('a', { href: '#/notifications' }, 'See all')
  const element = el(
    'div',
    { class: 'view' },
    heading('Overview', ...parts.flow.standing),
    parts.flow.element,
    el(
      'div',
      { class: 'columns wide-first' },
      titled('Latest notifications', parts.latest.element, all),
      titled('Channels', parts.channels.element),
    ),
  )
  const stop = () => {
    for (const part of Object.values(parts)) part.stop()
  }
  return { title: 'Overview', element, stop }
}
