/** Calls Carillon's API. Addresses are relative, so that the console also works below a path. */

/** How long an answer may take, in milliseconds. */
const timeoutMs = 15_000
const keyName = 'carillon-api-key'
let key = readKey()

/** An answer that is not a success. `errors` are those of problem+json: {path, message}. Status 0: no answer came. */
export class ApiError extends Error {
  constructor(status, problem, retryAfterMs) {
    super(
      problem.detail ?? problem.title ?? (status === 0 ? 'Carillon does not answer.' : `Carillon answered ${status}.`),
    )
    this.status = status
    this.errors = Array.isArray(problem.errors) ? problem.errors : []
    this.retryAfterMs = retryAfterMs
  }
}

/** The parsed answer to a GET. `query` may hold undefined and empty values, which are left out. */
export function get(path, query, signal) {
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== null && value !== '')
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString()
  return call(search ? `${path}?${search}` : path, {}, signal)
}

/** The parsed answer to a POST, with its status: {status, body}. */
export async function post(path, body, headers = {}) {
  let status = 0
  const request = { method: 'POST', headers: { ...headers } }
  if (body !== undefined) {
    request.body = JSON.stringify(body)
    request.headers['content-type'] = 'application/json'
  }
  const answer = await call(path, request, undefined, (response) => {
    status = response.status
  })
  return { status, body: answer }
}

/** Tells whether a key is kept. */
export function hasKey() {
  return key !== null
}

/** Keeps the key for this tab, or with null forgets it. */
export function keepKey(value) {
  key = value
  try {
    if (value === null) sessionStorage.removeItem(keyName)
    else sessionStorage.setItem(keyName, value)
  } catch {
    // Storage is blocked: the key lasts as long as the page.
  }
}

async function call(path, request, signal, onResponse) {
  const headers = { accept: 'application/json', ...request.headers }
  if (key !== null) headers.authorization = `Bearer ${key}`
  const timeout = AbortSignal.timeout(timeoutMs)
  const either = signal ? AbortSignal.any([signal, timeout]) : timeout
  const response = await fetch(path, { ...request, headers, signal: either }).catch((error) => {
    if (signal?.aborted) throw error
    throw new ApiError(0, {}, null)
  })
  onResponse?.(response)
  const body = await response.json().catch(() => ({}))
  if (response.ok) return body
  if (response.status === 401) document.dispatchEvent(new Event('key-needed'))
  throw new ApiError(response.status, body ?? {}, retryAfter(response))
}

/** Retry-After in milliseconds; null where it is missing or a date. */
function retryAfter(response) {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
  return Number.isFinite(seconds) ? seconds * 1000 : null
}

function readKey() {
  try {
    return sessionStorage.getItem(keyName)
  } catch {
    return null
  }
}
