/** Where Carillon is, how it is asked, and what a run may be told by the environment. */
import exec from 'k6/execution'
import http from 'k6/http'

/** After which a request has failed. */
const requestTimeout = '10s'
const secondsMost = 3600

const base = (__ENV.BASE || 'http://127.0.0.1:3000').replace(/\/+$/, '')
const key = __ENV.CARILLON_API_KEY

/** Answers of a request that are not failures. Made once: a callback for each request would cost more than it. */
export const ok = http.expectedStatuses(200)
export const accepted = http.expectedStatuses(202)

/** Asks Carillon. `route`: the path without ids, so that k6 keeps one row for it.
 *  `expected`: answers that are not failures. */
export function ask(method, path, { body, route = path, expected = ok, headers = {}, tags = {} } = {}) {
  return http.request(method, `${base}${path}`, body === undefined ? null : JSON.stringify(body), {
    headers: {
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
      ...(key && { Authorization: `Bearer ${key}` }),
      ...headers,
    },
    responseCallback: expected,
    redirects: 0,
    tags: { ...tags, name: `${method} ${route}` },
    timeout: requestTimeout,
  })
}

/** What an answer's body holds; null where that is not there, or is not JSON. */
export function told(answer, path) {
  try {
    return answer.json(path) ?? null
  } catch {
    return null
  }
}

/** Ends the test before its load where nobody answers, and says so. What tells one run's notifications from another's. */
export function beginRun() {
  const answer = ask('GET', '/health/ready')
  if (answer.status !== 200) exec.test.abort(`No ready Carillon on ${base}: ${answer.status || answer.error}`)
  return `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 8)}`
}

/** A whole number of the environment. */
export function wholeNumber(name, fallback, most) {
  const value = Number(__ENV[name] || fallback)
  if (Number.isInteger(value) && value >= 1 && value <= most) return value
  throw new Error(`${name} must be a whole number from 1 to ${most}`)
}

/** A duration of the environment, like 30s or 5m, in seconds. */
export function seconds(name, fallback) {
  const [, digits, unit] = /^(\d{1,4})(s|m)$/.exec(__ENV[name] || fallback) ?? []
  const value = Number(digits) * (unit === 'm' ? 60 : 1)
  if (value >= 1 && value <= secondsMost) return value
  throw new Error(`${name} must be a duration like 30s or 5m, from 1s to ${secondsMost}s`)
}

/** Users enough for `rate` while an answer takes two seconds. They stand ready before the load: making one in the
 *  middle of it costs so much that others come late. */
export function usersFor(rate) {
  const users = wholeNumber('VUS', Math.min(2 * rate, 2000), 10_000)
  return { preAllocatedVUs: users, maxVUs: users }
}
