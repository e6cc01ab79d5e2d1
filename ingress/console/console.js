/** The console: shows the view that the address's hash names, one line of trouble, and asks for the key. */
import { hasKey, keepKey } from './api.js'
import { deadLetter } from './dead-letter.js'
import { deadLetters } from './dead-letters.js'
import { setText } from './elements.js'
import { notification } from './notification.js'
import { notifications } from './notifications.js'
import { outbox } from './outbox.js'
import { overview } from './overview.js'
import { resume } from './poll.js'
import { send } from './send.js'
import { refreshAges } from './wording.js'

const views = {
  overview: { all: overview },
  notifications: { all: notifications, one: notification },
  outbox: { all: outbox },
  'dead-letters': { all: deadLetters, one: deadLetter },
  send: { all: send },
}
const byId = (id) => document.querySelector(`#${id}`)
const main = byId('main')
const keyForm = byId('key-form')
let current = null

/** `#/notifications/ID` → the view's name and the id. */
function route() {
  const [, name = '', ...rest] = location.hash.split('/')
  const id = rest.join('/')
  if (!Object.hasOwn(views, name)) return { name: 'overview', id: '' }
  try {
    return { name, id: views[name].one ? decodeURIComponent(id) : '' }
  } catch {
    return { name, id: '' }
  }
}

function open() {
  const { name, id } = route()
  const first = current === null
  current?.stop()
  current = id === '' ? views[name].all() : views[name].one(id)
  main.replaceChildren(current.element)
  document.title = `${current.title} · Carillon`
  for (const link of document.querySelectorAll('[data-view]')) {
    if (link.dataset.view === name) link.setAttribute('aria-current', id === '' ? 'page' : 'true')
    else link.removeAttribute('aria-current')
  }
  if (first) return
  scrollTo(0, 0)
  main.querySelector('h1').focus({ preventScroll: true })
}

function showTrouble(message) {
  byId('trouble').classList.toggle('shown', message !== null)
  byId('retry').hidden = message === null
  setText(byId('trouble-text'), message === null ? '' : `${message} Trying again by itself.`)
}

/** Covers the view with the question for the key; every poll rests until there is one. */
function askForKey() {
  setText(byId('key-error'), hasKey() && keyForm.hidden ? 'This key was refused.' : byId('key-error').textContent)
  byId('forget-key').hidden = true
  if (!keyForm.hidden) return
  main.hidden = true
  keyForm.hidden = false
  byId('key').value = ''
  byId('key').focus()
}

function takeKey(event) {
  event.preventDefault()
  const key = byId('key').value.trim()
  if (key === '') return
  keepKey(key)
  setText(byId('key-error'), '')
  keyForm.hidden = true
  main.hidden = false
  byId('forget-key').hidden = false
  main.querySelector('h1').focus()
  resume()
}

function forgetKey() {
  keepKey(null)
  resume()
}

addEventListener('hashchange', open)
document.addEventListener('trouble', ({ detail }) => showTrouble(detail))
document.addEventListener('key-needed', askForKey)
keyForm.addEventListener('submit', takeKey)
byId('forget-key').addEventListener('click', forgetKey)
byId('forget-key').hidden = !hasKey()
byId('retry').addEventListener('click', resume)
byId('skip').addEventListener('click', (event) => {
  event.preventDefault()
  main.focus()
})
setInterval(() => document.hidden || refreshAges(), 5000)
open()
