/** From what the form holds to what the API takes, and from what the API refuses to the form's fields. */

/** The form's values do not make a request: `path` is the field's, as the API would name it. */
export class FormError extends Error {
  constructor(path, message) {
    super(message)
    this.errors = [{ path, message }]
  }
}

/** The body of POST /v1/notifications. What is left empty is left out. */
export function requestOf(values) {
  const kind = values.get('toKind')
  const to = values.get('to').trim()
  const channels = values.getAll('channels')
  const sendAt = values.get('sendAt')
  return {
    to: kind === 'id' ? to : { [kind]: to },
    ...(channels.length > 0 && { channels }),
    ...(values.get('source') === 'template' ? templateOf(values) : { content: contentOf(values) }),
    ...(values.get('priority') !== 'normal' && { priority: values.get('priority') }),
    ...(sendAt && { sendAt: new Date(sendAt).toISOString() }),
  }
}

function contentOf(values) {
  const subject = values.get('subject').trim()
  return { ...(subject && { subject }), body: values.get('body') }
}

function templateOf(values) {
  const data = dataOf(values.get('data').trim())
  return { template: values.get('template').trim(), ...(data && { data }) }
}

function dataOf(text) {
  if (text === '' || text === '{}') return null
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new FormError('data', `This is not JSON: ${error.message}`)
  }
}

/** Which of `paths` an error belongs to: the longest that its path lies in; undefined for none. Takes `content.body`,
 *  `/content/body` and `$.content.body` alike. */
export function fieldOf(errorPath, paths) {
  const path = String(errorPath ?? '')
    .replace(/^\$/, '')
    .replaceAll(/[/[\]]+/g, '.')
    .replaceAll(/^\.+|\.+$/g, '')
  const holding = paths.filter((field) => path === field || path.startsWith(`${field}.`))
  return holding.sort((left, right) => right.length - left.length)[0]
}
