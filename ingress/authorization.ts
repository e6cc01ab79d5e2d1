/** Who may call: holders of the API key, where there is one, and no page of another site. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'
import type { IngressContext, IngressEnvironment } from './endpoint.js'
import { invalid, Problem } from './problem.js'

/** The key that callers need. */
export interface Credentials {
  /** Whether it is the key, in a time that says nothing of it. */
  isKey(given: string): boolean
  /** Whether one is needed at all. */
  readonly needed: boolean
}

export interface AuthorizationOptions {
  readonly credentials: Credentials
  /** Paths that need no key; all others do. */
  readonly isOpen: (path: string) => boolean
  /** Paths of WebSockets. A browser cannot send a header with them: the key may come as their first message. */
  readonly isSocket: (path: string) => boolean
  /** Paths where a client may be tempted to put the key into the URL: it would stand in logs and histories. */
  readonly isStream: (path: string) => boolean
  /** Origins whose pages may call. */
  readonly corsOrigins: readonly string[]
}

const reading = new Set(['GET', 'HEAD', 'OPTIONS'])
const keyNames = new Set(['token', 'key', 'api_key', 'apikey', 'access_token'])

/** `apiKey` null: no key is asked for. */
export function credentialsOf(apiKey: string | null): Credentials {
  const expected = apiKey === null ? null : digest(apiKey)
  // Digests are of one length, so that neither the key's length nor its start shows in the time it takes.
  return { needed: expected !== null, isKey: (given) => expected === null || timingSafeEqual(digest(given), expected) }
}

/** Lets the request pass or throws a `Problem`. */
export function authorize(options: AuthorizationOptions): MiddlewareHandler<IngressEnvironment> {
  const { credentials, isOpen, isSocket, isStream, corsOrigins } = options
  return (c, next) => {
    const { path, method } = c.req
    const origin = c.req.header('origin')
    const host = c.req.header('host')
    const site = c.req.header('sec-fetch-site')
    if (!reading.has(method) && isForeignPage({ site, origin, host }, corsOrigins)) throw foreign()
    if (isStream(path)) refuseKeyInUrl(c)
    const opensSocket = isSocket(path) && c.req.header('upgrade')?.toLowerCase() === 'websocket'
    // The same-origin policy does not hold for WebSockets: https://www.rfc-editor.org/rfc/rfc6455#section-10.2
    if (opensSocket && isForeignOrigin(origin, host, corsOrigins)) throw foreign()
    if (credentials.needed && !isOpen(path) && !(opensSocket && keyFrom(c, credentials))) requireKey(c, credentials)
    return next()
  }
}

/** What tells whether the first message of a WebSocket holds the key; null where none has to, for the request needed
 *  none or had it in its header. */
export function keyFrom(c: IngressContext, credentials: Credentials): ((key: string) => boolean) | null {
  return credentials.needed && c.req.header('authorization') === undefined ? credentials.isKey : null
}

function requireKey(c: IngressContext, credentials: Credentials): void {
  const given = /^bearer +(\S+) *$/i.exec(c.req.header('authorization') ?? '')?.[1]
  if (given !== undefined && credentials.isKey(given)) return
  throw new Problem('unauthorized', 'Send the header Authorization: Bearer <the key of CARILLON_API_KEY>.')
}

function refuseKeyInUrl(c: IngressContext): void {
  const path = Object.keys(c.req.query()).find((name) => keyNames.has(name.toLowerCase()))
  if (path === undefined) return
  const message =
    'The key does not belong into the URL: send the header Authorization, or as first message {"token": …}.'
  throw invalid([{ path, message }])
}

function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest()
}

function foreign(): Problem {
  return new Problem('cross-site', 'A page of another site called. Allow its origin by CORS if it may.')
}

interface Caller {
  readonly site: string | undefined
  readonly origin: string | undefined
  readonly host: string | undefined
}

// Requests without a body, and forms, need no leave of CORS, so a page anywhere could send or cancel on somebody's
// loopback. No script can change the header that says whose page it is, and it knows better than the host, which a proxy
// may have changed: https://www.w3.org/TR/fetch-metadata/ Browsers without it still send an origin.
function isForeignPage({ site, origin, host }: Caller, allowed: readonly string[]): boolean {
  if (origin !== undefined && allowed.includes(origin)) return false
  if (site !== undefined) return site !== 'same-origin' && site !== 'none'
  return isForeignOrigin(origin, host, allowed)
}

/** Of what is no browser there is no origin. */
function isForeignOrigin(origin: string | undefined, host: string | undefined, allowed: readonly string[]): boolean {
  if (origin === undefined || allowed.includes(origin)) return false
  return !URL.canParse(origin) || new URL(origin).host !== host?.toLowerCase()
}
