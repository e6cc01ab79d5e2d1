/** Carries any channel over a service of the operator's: POST {to, channel, content}. Its URL is configuration, not a
 *  stranger's, so it may be inside. */
import { Agent } from 'undici'
import type { Delivery, Message } from '../../../schemas/events.js'
import { channels as allChannels } from '../../../schemas/streams.js'
import { headerValue, isPrintable } from './header-value.js'
import { httpFailure, httpOutcome } from './http-outcome.js'
import { post } from './post.js'
import type { Provider, SendRequest, SendResult } from './provider.js'

export interface HttpOptions {
  readonly name: string
  /** http or https. */
  readonly url: string
  /** Sent as a bearer token. */
  readonly token?: string
  /** To the answer's headers. */
  readonly timeoutMs?: number
  readonly connectTimeoutMs?: number
  /** Channels that it carries; none needs to leave calls to others where it is the only one. */
  readonly channels?: number
  /** Sockets open at once. */
  readonly maxSockets?: number
  /** Milliseconds since the epoch. */
  readonly nowMs?: () => number
}

const idleMs = 4_000
const who = 'The provider'
const maxChannels = allChannels.length

/** Throws for a URL that cannot be read. A 2xx is `sent`: that it arrived, the service does not say. */
export function httpProvider(options: HttpOptions): Provider {
  const { name, token, timeoutMs = 10_000, connectTimeoutMs = 5_000, maxSockets = 32, nowMs = Date.now } = options
  const { channels: parts = maxChannels } = options
  const url = new URL(options.url)
  const agent = new Agent({
    connect: { timeout: connectTimeoutMs },
    connections: maxSockets,
    keepAliveTimeout: idleMs,
    keepAliveMaxTimeout: idleMs,
  })
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }

  const send = async ({ delivery, key, traceparent }: SendRequest, signal: AbortSignal): Promise<SendResult> => {
    const body = payload(delivery)
    if (body === null) return { outcome: 'permanent', error: 'The message has data that is not JSON.' }
    const headers = {
      'idempotency-key': headerValue(key),
      ...authorization,
      ...(traceparent !== null && isPrintable(traceparent) && { traceparent }),
    }
    try {
      const call = { dispatcher: agent, url, headers, body, signal, timeoutMs }
      const answer = await post({ ...call, closeAfter: false, keepBody: true })
      return httpOutcome(answer, { accepted: 'sent', who, nowMs: nowMs() })
    } catch (error) {
      return httpFailure(error, who, signal)
    }
  }

  // Behind one URL each channel is a service of its own, which fails and hangs alone.
  return { name, send, destination: ({ channel }) => channel, parts, close: () => agent.close() }
}

function payload({ address, channel, message }: Delivery): string | null {
  try {
    return JSON.stringify({ to: address, channel, content: content(channel, message) })
  } catch {
    return null
  }
}

/** A string where there is only text, which is always so for an SMS; else an object of what there is, a push's with
 *  the names that pushes have. */
function content(channel: string, { subject, text, html, data }: Message): unknown {
  if (channel === 'sms' || (!subject && html === null && data === null)) return text ?? ''
  const given: readonly (readonly [string, unknown])[] = [
    [channel === 'push' ? 'title' : 'subject', subject],
    [channel === 'push' ? 'body' : 'text', text],
    ['html', html],
    ['data', data === null ? null : JSON.parse(data)],
  ]
  return Object.fromEntries(given.filter(([, value]) => value !== null))
}
