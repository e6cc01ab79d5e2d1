/** What each channel has done so far. */
import { get } from './api.js'
import { el } from './elements.js'
import { poll } from './poll.js'
import { count, duration, share } from './wording.js'

const columns = ['Channel', 'Sent', 'Failed', 'Simulated', 'Success', 'p50', 'p95', 'p99']

/** The table of channels, asked for every two seconds. */
export function channels() {
  const body = el('tbody')
  const table = el(
    'table',
    null,
    el(
      'caption',
      { class: 'hidden' },
      'Channels: sent, failed, simulated for want of a provider, success rate, and time from acceptance to the provider’s answer',
    ),
    el('thead', null, el('tr', null, ...columns.map((column) => el('th', { scope: 'col' }, column)))),
    body,
  )
  const nothing = el('p', { class: 'nothing' }, 'No channel has sent anything yet.')
  table.hidden = true
  let last = ''
  const polling = poll(async (signal) => {
    const stats = await get('v1/stats', undefined, signal)
    const text = JSON.stringify(stats)
    if (text === last) return
    last = text
    const rows = Object.entries(stats.channels)
    body.replaceChildren(...rows.map(([channel, numbers]) => row(channel, numbers)))
    table.hidden = rows.length === 0
    nothing.hidden = rows.length > 0
  }, 2000)
  const scroller = el(
    'div',
    { class: 'scroller', tabindex: 0, role: 'region', 'aria-label': 'Channels' },
    table,
    nothing,
  )
  return { element: scroller, stop: polling.stop }
}

function row(channel, { sent, failed, simulated, successRate, latencyMs }) {
  const numbers = [
    count(sent),
    count(failed),
    count(simulated),
    share(successRate),
    duration(latencyMs?.p50),
    duration(latencyMs?.p95),
    duration(latencyMs?.p99),
  ]
  return el('tr', null, el('th', { scope: 'row' }, channel), ...numbers.map((number) => el('td', null, number)))
}
