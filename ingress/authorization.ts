/** Who may call: holders of the API key, where there is one, and no page of another site. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { MiddlewareHandler } from 'hono'
import type { IngressEnvironment } from './endpoint.js'
import { Problem } from './problem.js'

export interface AuthorizationOptions {
  /** Null: no key is asked for. */
  readonly apiKey: string | null
  /** Paths that need no key; all others do. */
  readonly isOpen: (path: string) => boolean
  /** Origins whose pages may call. */
  readonly corsOrigins: readonly string[]
}

const reading = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Lets the request pass or throws a `Problem`. */
export function authorize(options: AuthorizationOptions): MiddlewareHandler<IngressEnvironment> {
  const { apiKey, isOpen, corsOrigins } = options
  const expected = apiKey === null ? null : digest(apiKey)
  return (c, next) => {
    if (
      !reading.has(c.req.method) &&
      isForeignPage(c.req.header('sec-fetch-site'), c.req.header('origin'), corsOrigins)
    ) {
      throw new Problem('cross-site', 'A page of another site called. Allow its origin by CORS if it may.')
    }
    if (expected !== null && !isOpen(c.req.path) && !holdsKey(c.req.header('authorization'), expected)) {
      throw new Problem('unauthorized', 'Send the header Authorization: Bearer <the key of CARILLON_API_KEY>.')
    }
    return next()
  }
}

// Digests are of one length, so that neither the key's length nor its start shows in the time it takes.
function holdsKey(header: string | undefined, expected: Buffer): boolean {
  const given = /^bearer +(\S+) *$/i.exec(header ?? '')?.[1]
  return given !== undefined && timingSafeEqual(digest(given), expected)
}

function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest()
}

// Requests without a body need no leave of CORS, so a page anywhere could cancel or replay on somebody's loopback.
// Only browsers send the header, and no script can change it: https://www.w3.org/TR/fetch-metadata/
function isForeignPage(site: string | undefined, origin: string | undefined, allowed: readonly string[]): boolean {
  return site === 'cross-site' && !(origin !== undefined && allowed.includes(origin))
}
