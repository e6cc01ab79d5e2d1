/** The form to send one notification, and the same request for a terminal. */
import { get, post } from './api.js'
import { copyButton, el, heading, setText, titled } from './elements.js'
import { fieldOf, requestOf } from './send-request.js'

/** How many stored templates are offered. */
const offeredTemplates = 100

const labels = {
  id: 'Recipient',
  email: 'E-mail address',
  phone: 'Phone number',
  device: 'Device token',
  webhook: 'Webhook URL',
  slack: 'Slack webhook or channel',
}

/** What was typed outlives the view: the form is made once. */
let form
/** The last request whose answer never came, so that trying it again sends nothing twice. */
let unanswered = { text: '', key: '' }

export function send() {
  form ??= prepare()
  const command = el('pre', { class: 'code', tabindex: 0, 'aria-label': 'Command' })
  const describe = () => setText(command, curlOf(form))
  form.oninput = () => {
    arrange(form)
    describe()
  }
  describe()
  void offerTemplates(form)
  const copy = copyButton('Copy', () => command.textContent)
  const columns = el('div', { class: 'columns' }, form, titled('The same with curl', command, copy))
  const element = el('div', { class: 'view' }, heading('Send a notification'), columns)
  return { title: 'Send', element, stop() {} }
}

function prepare() {
  const made = document.querySelector('#send-form').content.cloneNode(true).querySelector('form')
  made.addEventListener('submit', (event) => {
    event.preventDefault()
    void submit(made)
  })
  return made
}

/** Shows the fields of the chosen kind of message and names the address by its kind. */
function arrange(made) {
  const values = new FormData(made)
  for (const part of made.querySelectorAll('[data-source]')) part.hidden = part.dataset.source !== values.get('source')
  setText(made.querySelector('label[for="send-to"]'), labels[values.get('toKind')])
}

async function submit(made) {
  const button = made.querySelector('#send-submit')
  if (button.disabled) return
  showErrors(made, [], '')
  button.disabled = true
  setText(button, 'Sending…')
  try {
    const body = requestOf(new FormData(made))
    const text = JSON.stringify(body)
    if (unanswered.text !== text) unanswered = { text, key: newKey() }
    const { body: answer } = await post('v1/notifications', body, { 'idempotency-key': unanswered.key })
    unanswered = { text: '', key: '' }
    location.hash = `#/notifications/${encodeURIComponent(answer.id)}`
  } catch (error) {
    // 409: the first try with this key is still under way, so the key stays.
    if (error.status >= 400 && error.status < 500 && error.status !== 409) unanswered = { text: '', key: '' }
    showErrors(made, error.errors ?? [], error.message)
  } finally {
    button.disabled = false
    setText(button, 'Send')
  }
}

/** Each error at its field; what has no field, and an answer without errors, at the top. */
function showErrors(made, errors, message) {
  const fields = [...made.querySelectorAll('[data-path]')].filter((field) => field.closest('[hidden]') === null)
  const paths = fields.map(({ dataset }) => dataset.path)
  const found = errors.map((error) => ({ ...error, field: fieldOf(error.path, paths) }))
  for (const field of made.querySelectorAll('[data-path]')) {
    const own = found.filter((error) => error.field === field.dataset.path && fields.includes(field))
    setText(field.querySelector('.error'), own.map((error) => error.message).join(' '))
    for (const input of field.querySelectorAll('input, textarea')) markInvalid(input, own.length > 0)
  }
  const loose = found
    .filter(({ field }) => field === undefined)
    .map((error) => (error.path ? `${error.path}: ${error.message}` : error.message))
  const summary = made.querySelector('#send-error')
  setText(summary, loose.join(' ') || (message && found.length > 0 ? 'Not sent. See below.' : message))
  const first = made.querySelector('[aria-invalid]') ?? (message ? summary : null)
  first?.focus()
}

function markInvalid(input, invalid) {
  if (invalid) input.setAttribute('aria-invalid', 'true')
  else input.removeAttribute('aria-invalid')
}

async function offerTemplates(made) {
  const page = await get('v1/templates', { limit: offeredTemplates }).catch(() => ({ data: [] }))
  made.querySelector('datalist').replaceChildren(...page.data.map(({ id }) => el('option', { value: id })))
}

function curlOf(made) {
  const { origin, pathname } = location
  try {
    const body = JSON.stringify(requestOf(new FormData(made)), null, 2)
    const quoted = body.replaceAll("'", String.raw`'\''`)
    return `curl ${origin}${pathname}v1/notifications \\\n  -H 'content-type: application/json' \\\n  -d '${quoted}'`
  } catch (error) {
    return error.message
  }
}

/** 128 random bits in hex; crypto.randomUUID is missing where the page came over plain HTTP. */
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
