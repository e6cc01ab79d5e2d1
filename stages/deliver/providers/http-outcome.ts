/** What an HTTP answer means for a delivery; one rule for webhooks and for the generic provider. */
import { BlockedAddress } from './address-guard.js'
import type { SendResult } from './provider.js'
import { type AnswerHeaders, retryAfterMs } from './retry-after.js'

export interface HttpAnswer {
  readonly status: number
  readonly headers: AnswerHeaders
  /** Null where it was not kept, or did not come whole. */
  readonly body: string | null
}

export interface HttpWording {
  /** What a 2xx means. */
  readonly accepted: 'sent' | 'delivered'
  /** Who answered, at the start of a sentence. */
  readonly who: string
  readonly nowMs: number
  /** What other statuses mean than they do for a service of the operator's. */
  readonly statuses?: StatusRules
}

export interface StatusRules {
  /** Those that may work later, beside 408, 425 and 5xx. */
  readonly transient: ReadonlySet<number>
  /** Those that the receiver may mend, and the waits after which it is asked again, in milliseconds. */
  readonly mendable: ReadonlySet<number>
  readonly againAfterMs: readonly number[]
}

const usualRules: StatusRules = { transient: new Set(), mendable: new Set(), againAfterMs: [] }

/** The outcome of a call that was answered. */
export function httpOutcome({ status, headers, body }: HttpAnswer, wording: HttpWording): SendResult {
  const { accepted, who, nowMs, statuses = usualRules } = wording
  const error = `${who} answered with status ${status}.`
  if (status >= 200 && status < 300) return { outcome: accepted, ...identified(body) }
  if (status >= 300 && status < 400) {
    return { outcome: 'permanent', error: `${who} answered with a redirect (status ${status}), which is not followed.` }
  }
  const waitMs = retryAfterMs(headers, nowMs, status === 429)
  if (status === 429 || (status === 503 && waitMs !== null)) {
    return { outcome: 'rate-limited', error, retryAfterMs: waitMs }
  }
  if (status === 410) return { outcome: 'recipient', error }
  if (status === 408 || status === 425 || status >= 500 || statuses.transient.has(status)) {
    return { outcome: 'transient', error, ...(waitMs !== null && { retryAfterMs: waitMs }) }
  }
  if (statuses.mendable.has(status)) return { outcome: 'permanent', error, againAfterMs: statuses.againAfterMs }
  return { outcome: 'permanent', error }
}

/** The outcome of a call that was not answered. Of the error only its code is told. */
export function httpFailure(error: unknown, who: string, signal: AbortSignal): SendResult {
  if (error instanceof BlockedAddress) return { outcome: 'permanent', error: error.message }
  if (signal.aborted) return { outcome: 'transient', error: `${who} did not answer in time.` }
  const code = errorCode(error)
  const text = `${who} could not be reached, or did not answer (${code}).`
  // What was reached and does not answer is trouble of this URL; what cannot be reached is the host's.
  return { outcome: 'transient', error: text, ...(isUnreachable(code) && { chargedTo: 'connection' }) }
}

const unreachable: ReadonlySet<string> = new Set([
  ...[
    'ECONNREFUSED',
    'EHOSTUNREACH',
    'EHOSTDOWN',
    'ENETUNREACH',
    'EADDRNOTAVAIL',
    'ETIMEDOUT',
    'UND_ERR_CONNECT_TIMEOUT',
  ],
  ...['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'ENODATA', 'ESERVFAIL'],
])

/** No connection came about: for want of a route, a name, or a certificate that can be trusted. */
function isUnreachable(code: string): boolean {
  return unreachable.has(code) || /^(?:CERT_|ERR_TLS_|ERR_SSL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/.test(code)
}

/** Where services put the id of the message that they took, the likeliest name first. */
const idNames = ['messageId', 'message_id', 'id'] as const
const maxIdLength = 256

/** The service's own id of the message, where the answer is a JSON object that tells one. */
function identified(body: string | null): { readonly messageId?: string } {
  const answer = body === null ? null : parsed(body)
  if (typeof answer !== 'object' || answer === null) return {}
  const fields: Readonly<Record<string, unknown>> = { ...answer }
  const id = idNames.map((name) => fields[name]).find(isId)
  return id === undefined ? {} : { messageId: String(id).slice(0, maxIdLength) }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function isId(value: unknown): value is string | number {
  return typeof value === 'string' ? value !== '' : Number.isFinite(value)
}

/** Codes are upper-case names such as ECONNREFUSED; anything else might say more than it should. */
function errorCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,60}$/.test(code) ? code : 'no code'
}
