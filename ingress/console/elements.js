/** Builds and refreshes elements. Children that are strings become text nodes and nothing here parses markup, so what
 *  came over the network cannot become a part of the page. */

/** An element. A function among the attributes is a listener; true is a bare attribute; null and false are left out. */
export function el(tag, attributes, ...children) {
  const node = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (typeof value === 'function') node.addEventListener(name, value)
    else if (value !== null && value !== undefined && value !== false) {
      node.setAttribute(name, value === true ? '' : String(value))
    }
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false))
  return node
}

/** An SVG element, for drawings without text. */
export function drawing(tag, attributes, ...children) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag)
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value))
  node.append(...children)
  return node
}

/** Writes text only where it changed, so that selections and screen readers are left in peace. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text
}

/** A button that says for a moment that it copied. */
export function copyButton(label, textOf) {
  const button = el('button', { type: 'button', class: 'plain', 'aria-live': 'polite' }, label)
  let timer
  button.addEventListener('click', async () => {
    const copied = await navigator.clipboard?.writeText(textOf()).then(
      () => true,
      () => false,
    )
    setText(button, copied ? 'Copied' : 'Cannot copy here')
    clearTimeout(timer)
    timer = setTimeout(() => setText(button, label), 1500)
  })
  return button
}

/** A definition list; pairs without a value are left out. */
export function facts(pairs) {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined && value !== '')
  return el(
    'dl',
    { class: 'facts' },
    ...shown.map(([name, value]) => el('div', null, el('dt', null, name), el('dd', null, value))),
  )
}

/** Any value as indented JSON, cut at `limit` characters. */
export function json(value, limit = 20_000) {
  const text = JSON.stringify(value, null, 2) ?? ''
  return el('pre', { class: 'code', tabindex: 0 }, text.length > limit ? `${text.slice(0, limit)}\n…` : text)
}

/** The heading that takes the focus when its view opens, with what stands beside it. */
export function heading(text, ...beside) {
  return el('div', { class: 'heading' }, el('h1', { tabindex: -1 }, text), ...beside)
}

/** A part of a view under its own heading, with what stands at the heading's end. */
export function titled(title, content, atEnd) {
  const id = `part-${title.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}`
  const top = el('div', { class: 'heading' }, el('h2', { id }, title), spring(), atEnd)
  return el('section', { class: 'part', 'aria-labelledby': id }, top, content)
}

/** Takes the space between its neighbours. */
export function spring() {
  return el('span', { class: 'spring' })
}

/** A link to a notification's own view. */
export function notificationLink(id, text = id) {
  return el('a', { href: `#/notifications/${encodeURIComponent(id)}` }, text)
}
