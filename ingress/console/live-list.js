/** One page of a list, kept up to date in place.
 *
 *  Invariant: it never holds more than one page. It does not move under a pointer, a focused row or an opened one:
 *  until they are gone, rows change only in place. */
import { get } from './api.js'
import { el, setText } from './elements.js'
import { poll } from './poll.js'

const hovers = matchMedia('(hover: hover)')

/** `row(item)` makes the row's content; items have an `id`. `query()` gives the filters; call `restart` when they
 *  change. `paged: false` shows the newest only. */
export function liveList({ label, path, query = () => ({}), row, empty, size = 25, paged = true, intervalMs = 2000 }) {
  const rows = el('ul', { class: 'rows', 'aria-label': label })
  const nothing = el('div', { class: 'nothing', hidden: true }, empty)
  const held = el('span', { class: 'quiet', role: 'status' })
  const newest = el('button', { type: 'button', class: 'button', click: () => turnTo(null) }, 'Newest')
  const older = el('button', { type: 'button', class: 'button', click: () => turnTo(next) }, 'Older')
  const pages = el('div', { class: 'pages', hidden: true }, held, newest, older)
  const shown = new Map()
  let cursor = null
  let next = null
  let turned = true

  const polling = poll(async (signal) => {
    show(await get(path, { ...query(), limit: size, cursor }, signal))
  }, intervalMs)

  function show(page) {
    next = page.nextCursor
    const still = !turned && isHeld(rows)
    turned = false
    for (const item of page.data) refresh(item, still)
    if (!still) arrange(page.data)
    nothing.hidden = shown.size > 0
    rows.hidden = shown.size === 0
    showPages(still && page.data.some(({ id }) => !shown.has(id)))
  }

  function showPages(behind) {
    setText(held, behind ? 'Newer ones wait until you look away' : '')
    const single = !paged || (cursor === null && next === null)
    pages.hidden = single && !behind
    newest.hidden = single
    older.hidden = single
    newest.disabled = cursor === null
    older.disabled = next === null
  }

  function refresh(item, onlyShown) {
    const text = JSON.stringify(item)
    const old = shown.get(item.id)
    if (old?.text === text || (onlyShown && old === undefined)) return
    const node = el('li', null, row(item))
    const focused = old?.node.contains(document.activeElement)
    old?.node.replaceWith(node)
    if (focused) node.querySelector('a, summary')?.focus({ preventScroll: true })
    shown.set(item.id, { text, node })
  }

  function arrange(items) {
    const ids = new Set(items.map(({ id }) => id))
    for (const [id, { node }] of shown) {
      if (ids.has(id)) continue
      node.remove()
      shown.delete(id)
    }
    items.forEach(({ id }, index) => {
      const { node } = shown.get(id)
      if (rows.children[index] !== node) rows.insertBefore(node, rows.children[index] ?? null)
    })
  }

  function turnTo(target) {
    cursor = target
    turned = true
    void polling.now()
  }

  return {
    element: el('div', { class: 'list' }, rows, nothing, pages),
    restart: () => turnTo(null),
    stop: polling.stop,
  }
}

function isHeld(rows) {
  if (rows.querySelector('details[open], :focus-visible')) return true
  return hovers.matches && rows.matches(':hover')
}
