/** Carries webhooks: a signed POST to the recipient's URL (https://www.standardwebhooks.com).
 *  Invariant: the URL is a stranger's. Nothing is sent to an address inside, no redirect is followed, and nothing of
 *  the answer but its status and when to come again is looked at. */
import { createHash } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { Agent } from 'undici'
import type { Delivery } from '../../../schemas/events.js'
import { type AddressGuardOptions, addressGuard } from './address-guard.js'
import { allowList } from './allow-list.js'
import { headerValue, isPrintable } from './header-value.js'
import { httpFailure, httpOutcome, type StatusRules } from './http-outcome.js'
import { post } from './post.js'
import type { Provider, SendRequest, SendResult } from './provider.js'

export interface WebhookOptions {
  readonly name: string
  /** `whsec_` and base64; null: webhooks go out unsigned. */
  readonly secret: string | null
  /** Hosts and networks that are let through although they are not public; see `parseAllowEntry`. */
  readonly allow: readonly string[]
  /** To the answer's headers. */
  readonly timeoutMs?: number
  /** For one address. */
  readonly connectTimeoutMs?: number
  /** Calls that the caller has under way at once, at most. Four times as many sockets may be open in all. */
  readonly concurrency?: number
  /** Sockets open at once to one origin. */
  readonly socketsPerOrigin?: number
  /** Milliseconds since the epoch. */
  readonly nowMs?: () => number
  readonly resolve?: AddressGuardOptions['resolve']
}

/** How long a connection may be idle. An origin is forgotten with its last connection. */
const idleMs = 4_000
const who = 'The webhook'
const minute = 60_000
/** What a receiver's statuses mean while it is being deployed, misconfigured or overloaded: it is asked again when it may
 *  have been mended, at 2 and at 10 minutes from the first refusal. */
const statuses: StatusRules = {
  transient: new Set([404, 409]),
  mendable: new Set([400, 401, 403, 413, 415, 422]),
  againAfterMs: [2 * minute, 8 * minute],
}

/** Throws for a secret that is not base64, and `InvalidAllowEntry` for an entry that cannot be read. */
export function webhookProvider(options: WebhookOptions): Provider {
  const { name, secret, timeoutMs = 10_000, connectTimeoutMs = 5_000 } = options
  const { concurrency = 64, socketsPerOrigin = 16, nowMs = Date.now, resolve } = options
  const maxSockets = 4 * concurrency
  const signer = secret === null ? null : new Webhook(secret)
  const allow = allowList(options.allow)
  const guard = addressGuard({ allow, connectTimeoutMs, maxSockets, ...(resolve && { resolve }) })
  const agent = new Agent({
    connect: guard.connect,
    connections: socketsPerOrigin,
    keepAliveTimeout: idleMs,
    keepAliveMaxTimeout: idleMs,
  })

  const send = async (request: SendRequest, signal: AbortSignal): Promise<SendResult> => {
    const url = webhookUrl(request.delivery)
    if (url === null) return { outcome: 'recipient', error: 'The address is not an http or https URL.' }
    const body = payload(request)
    if (body === null) return { outcome: 'permanent', error: 'The payload or the metadata is not JSON.' }
    const headers = { ...signature(signer, request.key, body, nowMs()), ...context(request) }
    // From half of the sockets on, connections are closed after use. Then no more than three quarters are idle (the
    // calls under way at that moment may still keep theirs), and a call that needs a new one need not wait.
    const closeAfter = guard.openSockets() > maxSockets / 2
    try {
      const answer = await post({ dispatcher: agent, url, headers, body, signal, timeoutMs, closeAfter })
      return httpOutcome(answer, { accepted: 'delivered', who, nowMs: nowMs(), statuses })
    } catch (error) {
      return httpFailure(error, who, signal)
    }
  }

  return { name, send, destination, close: () => agent.close() }
}

/** The URL's origin, and after a slash the beginning of its hash: the URL itself may carry a token. Null for an address that
 *  is no URL, which is the recipient's fault alone. */
function destination(delivery: Delivery): string | null {
  const url = webhookUrl(delivery)
  return url && `${url.origin}/${createHash('sha256').update(url.href).digest('hex').slice(0, hashDigits)}`
}

const hashDigits = 8

function webhookUrl({ address }: Delivery): URL | null {
  if (!URL.canParse(address)) return null
  const url = new URL(address)
  return url.protocol === 'http:' || url.protocol === 'https:' ? url : null
}

/** The JSON to post; null where the event's own JSON cannot be read. */
function payload({ delivery, attempt }: SendRequest): string | null {
  const { id, notificationId, recipient, channel, message } = delivery
  try {
    const body: unknown = message.data === null ? message.text : JSON.parse(message.data)
    const metadata: unknown = JSON.parse(delivery.metadata)
    return JSON.stringify({ id, notificationId, recipient, channel, subject: message.subject, body, attempt, metadata })
  } catch {
    return null
  }
}

function signature(signer: Webhook | null, key: string, body: string, nowMs: number): Record<string, string> {
  const id = headerValue(key)
  const at = new Date(nowMs)
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(nowMs / 1_000)),
    ...(signer && { 'webhook-signature': signer.sign(id, at, body) }),
    'idempotency-key': id,
  }
}

function context({ delivery, traceparent }: SendRequest): Record<string, string> {
  const { correlationId } = delivery
  return {
    ...(traceparent !== null && isPrintable(traceparent) && { traceparent }),
    ...(isPrintable(correlationId) && { 'x-correlation-id': correlationId }),
  }
}
