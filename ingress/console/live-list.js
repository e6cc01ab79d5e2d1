/** Shows one page of a list and updates it in place.
 *
 *  Invariants: the list never holds more than one page. While the pointer is over it, or one of its rows has the focus
 *  or is open, rows change only in place, so that nothing moves away from the reader. */
import { get } from './api.js'
import { el, setText } from './elements.js'
import { poll } from './poll.js'

const hovers = matchMedia('(hover: hover)')

/** `row(item)` returns the row's content; every item has an `id`. `query()` returns the filters; call `restart` when they
 *  change. `paged: false` shows only the newest page. */
export function liveList({ label, path, query = () => ({}), row, empty, size = 25, paged = true, intervalMs = 2000 }) {
  const rows = liveRows(label, row)
  const nothing = el('div', { class: 'nothing', hidden: true }, empty)
  const pages = pageTurner(paged, (target) => turnTo(target))
  let cursor = null
  let turned = true

  const polling = poll(async (signal) => {
    show(await get(path, { ...query(), limit: size, cursor }, signal))
  }, intervalMs)

  function show({ data, nextCursor }) {
    const still = !turned && isHeld(rows.element)
    turned = false
    rows.show(data, still)
    nothing.hidden = rows.count() > 0
    rows.element.hidden = rows.count() === 0
    pages.show({ cursor, next: nextCursor, behind: still && data.some(({ id }) => !rows.has(id)) })
  }

  function turnTo(target) {
    cursor = target
    turned = true
    void polling.now()
  }

  return {
    element: el('div', { class: 'list' }, rows.element, nothing, pages.element),
    restart: () => turnTo(null),
    stop: polling.stop,
  }
}

/** The rows of the list, by the id of their item. */
function liveRows(label, row) {
  const element = el('ul', { class: 'rows', 'aria-label': label })
  const shown = new Map()

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
      if (element.children[index] !== node) element.insertBefore(node, element.children[index] ?? null)
    })
  }

  return {
    element,
    /** `still`: only rows that are there already are updated; none is added, moved or removed. */
    show(items, still) {
      for (const item of items) refresh(item, still)
      if (!still) arrange(items)
    },
    has: (id) => shown.has(id),
    count: () => shown.size,
  }
}

/** The buttons that turn the pages, and the note that newer rows wait. */
function pageTurner(paged, turnTo) {
  let next = null
  const held = el('span', { class: 'quiet', role: 'status' })
  const newest = el('button', { type: 'button', class: 'button', click: () => turnTo(null) }, 'Newest')
  const older = el('button', { type: 'button', class: 'button', click: () => turnTo(next) }, 'Older')
  const element = el('div', { class: 'pages', hidden: true }, held, newest, older)

  return {
    element,
    show(page) {
      next = page.next
      setText(held, page.behind ? 'Newer ones wait until you look away' : '')
      const single = !paged || (page.cursor === null && next === null)
      element.hidden = single && !page.behind
      newest.hidden = single
      older.hidden = single
      newest.disabled = page.cursor === null
      older.disabled = next === null
    },
  }
}

/** Whether somebody reads or uses the rows. */
function isHeld(rows) {
  if (rows.querySelector('details[open], :focus-visible')) return true
  return hovers.matches && rows.matches(':hover')
}
