/** Contract B's load test: ten users who post as fast as they are answered. Each post has a description of its own, so
 *  that every one that is accepted is a notification of its own and not a duplicate.
 *
 *  BASE: where Carillon is. DURATION: how long, 30s unless said. K6_SUMMARY: a file for the summary, as JSON.
 *  CARILLON_API_KEY: its key, where it has one. */
import { check } from 'k6'
import http from 'k6/http'
import { Counter } from 'k6/metrics'

const base = __ENV.BASE || 'http://127.0.0.1:3000'
const key = __ENV.CARILLON_API_KEY
/** Apart from those of another run. */
const run = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`

const accepted = new Counter('notifications_accepted')
const refused = new Counter('notifications_refused')

// The limit's answer is one that the contract has.
http.setResponseCallback(http.expectedStatuses(200, 429))

export const options = {
  scenarios: {
    users: { executor: 'constant-vus', vus: 10, duration: __ENV.DURATION || '30s', exec: 'postOne' },
  },
  thresholds: {
    http_req_duration: ['p(95)<500'],
    http_req_failed: ['rate==0'],
    checks: ['rate==1'],
    // A run in which nothing was sent shows nothing.
    notifications_accepted: ['count>0'],
  },
}

/** What each user does again and again. */
export function postOne() {
  const body = { user_id: [__VU], type: 'inapp', description: `Load test ${run}, user ${__VU}, number ${__ITER}` }
  const headers = { 'Content-Type': 'application/json' }
  if (key) headers.Authorization = `Bearer ${key}`
  const answer = http.post(`${base}/user/notification`, JSON.stringify(body), { headers })
  const status = answer.status === 200 ? answer.json('results.0.status') : null
  check(answer, {
    'is 200 or 429': () => answer.status === 200 || answer.status === 429,
    'is no duplicate': () => status !== 'duplicate',
    'says when to try again, where it is refused': () =>
      answer.status !== 429 || Number(answer.headers['Retry-After']) > 0,
  })
  if (status === 'accepted') accepted.add(1)
  if (answer.status === 429) refused.add(1)
}

export function handleSummary(data) {
  const lines = Object.entries(data.metrics).map(([name, { values }]) => `${name}: ${valuesOf(values)}`)
  const files = __ENV.K6_SUMMARY ? { [__ENV.K6_SUMMARY]: `${JSON.stringify(data, null, 2)}\n` } : {}
  return { stdout: `${lines.sort().join('\n')}\n`, ...files }
}

function valuesOf(values) {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${Math.round(value * 1000) / 1000}`)
    .join(', ')
}
