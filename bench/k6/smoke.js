/** Every important route once, by one user, with what its answer must say. What it makes goes to inboxes of recipients of
 *  its own, and leaves Carillon by no provider. */
import { check, group } from 'k6'
import http from 'k6/http'
import { Counter } from 'k6/metrics'
import { accepted, ask, beginRun, told } from './carillon.js'
import { summary, summaryTrendStats } from './summary.js'

const completed = new Counter('smoke_completed')
const mostS = 120
/** For one notification to end. */
const wait = '8s'
const laterMs = 3_600_000

const created = http.expectedStatuses(201)
const removed = http.expectedStatuses(204)
const invalid = http.expectedStatuses(400)
const unknown = http.expectedStatuses(404)
const reused = http.expectedStatuses(422)
const cancelled = http.expectedStatuses(200, 202)

export const options = {
  scenarios: {
    smoke: { executor: 'per-vu-iterations', vus: 1, iterations: 1, exec: 'askAll', maxDuration: `${mostS}s` },
  },
  thresholds: {
    checks: ['rate==1'],
    http_req_failed: ['rate==0'],
    // k6 goes on after a script that threw.
    smoke_completed: ['count==1'],
  },
  summaryTrendStats,
}

export const setup = beginRun

export function askAll(run) {
  const to = `k6-${run}-smoke`
  group('health', health)
  const id = group('one notification', () => one(to, run))
  group('the same once more', () => repeated(to, run, id))
  group('several', () => several(to))
  group('template', () => template(to, `k6-${run}`))
  group('recipient', () => recipient(to))
  group('cancel', () => cancel(to))
  group('refusals', () => refusals(to))
  group('operations', () => operations(to))
  completed.add(1)
}

function health() {
  const live = ask('GET', '/health/live')
  const ready = ask('GET', '/health/ready')
  check(null, { 'lives and is ready': () => live.status === 200 && ready.status === 200 })
}

const keyed = (to, run, text, expected) =>
  ask('POST', '/v1/notifications', {
    body: { to, content: { subject: 'Smoke', body: text } },
    expected,
    headers: { 'Idempotency-Key': `k6-${run}`, 'X-Correlation-Id': `k6-${run}` },
  })

function one(to, run) {
  const answer = keyed(to, run, 'Hello', accepted)
  const id = told(answer, 'id')
  check(answer, {
    'is accepted': ({ status }) => status === 202 && id !== null,
    'says where it is': ({ headers }) => headers.Location === `/v1/notifications/${id}`,
    'keeps the correlation id': ({ headers }) => headers['X-Correlation-Id'] === `k6-${run}`,
  })
  const found = ask('GET', `/v1/notifications/${id}`, { route: '/v1/notifications/{id}' })
  check(found, { 'is found right after its 202': (shown) => shown.status === 200 && told(shown, 'recipient') === to })
  const ended = delivered(id)
  check(ended, {
    'tells of every stage': (shown) =>
      new Set((told(shown, 'timeline') ?? []).map(({ stage }) => stage)).size === 7 && told(shown, 'id') === id,
  })
  return id
}

/** Waits for its end. */
function delivered(id) {
  const ended = ask('GET', `/v1/notifications/${id}?wait=${wait}`, { route: '/v1/notifications/{id}?wait' })
  check(ended, { 'is delivered': (shown) => told(shown, 'status') === 'delivered' })
  return ended
}

function repeated(to, run, id) {
  check(keyed(to, run, 'Hello', accepted), {
    'gets the first answer again': (answer) => answer.status === 202 && told(answer, 'id') === id,
    'says that it is a replay': ({ headers }) => headers['Idempotency-Replayed'] === 'true',
  })
  check(keyed(to, run, 'Something else', reused), {
    'refuses the key for another body': ({ status }) => status === 422,
  })
}

function several(to) {
  const content = { body: 'Hello all' }
  const both = ask('POST', '/v1/notifications', { body: { to: [to, `${to}-2`], content }, expected: accepted })
  check(both, { 'an array is accepted': (answer) => told(answer, 'notifications')?.length === 2 })
  const notifications = [{ to, content }, { to }, { to: `${to}-2`, content }]
  const batch = ask('POST', '/v1/notifications/batch', { body: { notifications }, expected: accepted })
  const indexes = (part) => (told(batch, part) ?? []).map(({ index }) => index).join()
  check(batch, {
    'a batch is accepted': ({ status }) => status === 202 && indexes('accepted') === '0,2',
    'but for a bad one': () => indexes('rejected') === '1',
  })
  for (const { id } of [...(told(both, 'notifications') ?? []), ...(told(batch, 'accepted') ?? [])]) delivered(id)
  const counts = ask('GET', `/v1/batches/${told(batch, 'batchId')}`, { route: '/v1/batches/{id}' })
  check(counts, { 'its batch is counted': (answer) => told(answer, 'counts.delivered') === 2 })
}

function template(to, id) {
  const route = '/v1/templates/{id}'
  const path = `/v1/templates/${id}`
  const draft = (body) => ({ channels: { inapp: { title: 'Order {{ order }}', body } }, defaults: { name: 'there' } })
  const made = ask('POST', '/v1/templates', { body: { id, ...draft('Hello {{ name }}') }, expected: created })
  const next = ask('PUT', path, { body: draft('Good day {{ name }}'), route })
  const shown = ask('GET', path, { route })
  const preview = ask('POST', `${path}/preview`, { body: { data: { order: 1 } }, route: `${route}/preview` })
  check(null, {
    'a template is made': () => made.status === 201,
    'its next version is written': () => told(next, 'version') === told(made, 'version') + 1,
    'it is shown': () => told(shown, 'version') === told(next, 'version'),
    'its preview is rendered': () => told(preview, 'channels.inapp.body') === 'Good day there',
  })
  const data = { order: 4711, name: 'Ada' }
  const sent = ask('POST', '/v1/notifications', { body: { to, template: id, data }, expected: accepted })
  delivered(told(sent, 'id'))
  const inbox = ask('GET', `/v1/recipients/${to}/inbox`, { route: '/v1/recipients/{id}/inbox' })
  const message = (told(inbox, 'data') ?? []).find(({ notificationId }) => notificationId === told(sent, 'id'))
  check(inbox, { 'it arrives as rendered': () => message?.title === 'Order 4711' && message?.body === 'Good day Ada' })
  const gone = ask('DELETE', path, { route, expected: removed })
  check(gone, { 'it is deleted': ({ status }) => status === 204 })
}

function recipient(to) {
  const route = '/v1/recipients/{id}'
  const path = `/v1/recipients/${to}`
  const preferences = { channels: { sms: false } }
  const put = ask('PUT', path, { body: { locale: 'en', preferences }, route, expected: created })
  const shown = ask('GET', path, { route })
  const inbox = ask('GET', `${path}/inbox`, { route: `${route}/inbox` })
  const [message] = told(inbox, 'data') ?? []
  const read = ask('POST', `${path}/inbox/${message?.id}/read`, { route: `${route}/inbox/{messageId}/read` })
  const after = ask('GET', `${path}/inbox`, { route: `${route}/inbox` })
  const gone = ask('DELETE', path, { route, expected: removed })
  check(null, {
    'a recipient is kept': () => put.status === 201 && told(shown, 'preferences.channels.sms') === false,
    'a message is read': () => read.status === 200 && told(after, 'unread') === told(inbox, 'unread') - 1,
    'a recipient is forgotten': () => gone.status === 204,
  })
}

function cancel(to) {
  const sendAt = new Date(Date.now() + laterMs).toISOString()
  const later = ask('POST', '/v1/notifications', {
    body: { to, content: { body: 'Later' }, sendAt },
    expected: accepted,
  })
  const id = told(later, 'id')
  const answer = ask('POST', `/v1/notifications/${id}/cancel`, {
    route: '/v1/notifications/{id}/cancel',
    expected: cancelled,
  })
  // 202: it is not decided yet.
  const ended = ask('GET', `/v1/notifications/${id}?wait=${wait}`, { route: '/v1/notifications/{id}?wait' })
  check(null, {
    'what waits is cancelled': () => answer.status < 300 && told(ended, 'status') === 'cancelled',
  })
}

function refusals(to) {
  const bad = ask('POST', '/v1/notifications', { body: { to }, expected: invalid })
  const none = ask('GET', '/v1/notifications/none', { route: '/v1/notifications/{id}', expected: unknown })
  check(null, {
    'says what is wrong': () => bad.status === 400 && told(bad, 'errors.0.path') === 'content',
    'as problem details': () => bad.headers['Content-Type'] === 'application/problem+json',
    'knows what it does not have': () => none.status === 404,
  })
}

function operations(to) {
  const list = ask('GET', `/v1/notifications?recipient=${to}&status=delivered`, { route: '/v1/notifications' })
  const stats = ask('GET', '/v1/stats')
  const flow = ask('GET', '/v1/flow')
  const metrics = ask('GET', '/metrics')
  const others = ['/v1/topology', '/v1/dead-letters', '/openapi.json'].map((path) => ask('GET', path))
  check(null, {
    'lists what one was sent': () => told(list, 'data')?.length === 4,
    'counts what was sent': () => told(stats, 'channels.inapp.sent') >= 6,
    'tells of all stages, without a problem': () =>
      told(flow, 'stages')?.length === 6 && told(flow, 'problems')?.length === 0,
    'has metrics': () => metrics.status === 200 && String(metrics.body).includes('carillon_'),
    'has topology, dead letters and a description': () => others.every(({ status }) => status === 200),
  })
}

export const handleSummary = summary
