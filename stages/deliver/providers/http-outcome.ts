/** What an HTTP answer means for a delivery; one rule for webhooks and for the generic provider. */
import { BlockedAddress } from './address-guard.js'
import type { SendResult } from './provider.js'

export interface HttpAnswer {
  readonly status: number
  /** The header as it came; null where there was none. */
  readonly retryAfter: string | null
  /** Null where it was not kept, or did not come whole. */
  readonly body: string | null
}

export interface HttpWording {
  /** What a 2xx means. */
  readonly accepted: 'sent' | 'delivered'
  /** Who answered, at the start of a sentence. */
  readonly who: string
  readonly nowMs: number
}

/** The outcome of a call that was answered. */
export function httpOutcome(
  { status, retryAfter, body }: HttpAnswer,
  { accepted, who, nowMs }: HttpWording,
): SendResult {
  const error = `${who} answered with status ${status}.`
  if (status >= 200 && status < 300) return { outcome: accepted, ...identified(body) }
  if (status >= 300 && status < 400) {
    return { outcome: 'permanent', error: `${who} answered with a redirect (status ${status}), which is not followed.` }
  }
  if (status === 429 || (status === 503 && retryAfter !== null)) {
    return { outcome: 'rate-limited', error, retryAfterMs: retryAfterMs(retryAfter, nowMs) }
  }
  if (status === 410) return { outcome: 'recipient', error }
  if (status === 408 || status === 425 || status >= 500) return { outcome: 'transient', error }
  return { outcome: 'permanent', error }
}

/** The outcome of a call that was not answered. Of the error only its code is told. */
export function httpFailure(error: unknown, who: string, signal: AbortSignal): SendResult {
  if (error instanceof BlockedAddress) return { outcome: 'permanent', error: error.message }
  if (signal.aborted) return { outcome: 'transient', error: `${who} did not answer in time.` }
  return { outcome: 'transient', error: `${who} could not be reached, or did not answer (${errorCode(error)}).` }
}

/** Where services put the id of the message that they took, the likeliest name first. */
const idNames = ['messageId', 'message_id', 'id'] as const
const maxId = 256

/** The service's own id of the message, where the answer is a JSON object that tells one. */
function identified(body: string | null): { readonly messageId?: string } {
  const answer = body === null ? null : parsed(body)
  if (typeof answer !== 'object' || answer === null) return {}
  const fields: Readonly<Record<string, unknown>> = { ...answer }
  const id = idNames.map((name) => fields[name]).find(isId)
  return id === undefined ? {} : { messageId: String(id).slice(0, maxId) }
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

/** Retry-After as RFC 9110 has it, seconds or an HTTP date; null where it is neither. */
function retryAfterMs(header: string | null, nowMs: number): number | null {
  const text = header?.trim() ?? ''
  if (/^\d{1,10}$/.test(text)) return Number(text) * 1_000
  const atMs = /^[A-Z][a-z]{2,}, /.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs)
}

/** Codes are upper-case names such as ECONNREFUSED; anything else might say more than it should. */
function errorCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,60}$/.test(code) ? code : 'no code'
}
