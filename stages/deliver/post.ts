/** One POST of JSON whose answer counts by its status. */
import { type Dispatcher, request } from 'undici'
import type { HttpAnswer } from './http-outcome.js'

export interface Post {
  readonly dispatcher: Dispatcher
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly signal: AbortSignal
  /** To the answer's headers. */
  readonly timeoutMs: number
  /** Asks for the connection to be closed afterwards. */
  readonly closeAfter: boolean
}

/** The answer's body is read, so that the connection can be used again, up to this and for this long. */
const maxBodyBytes = 16 * 1024
const maxBodyMs = 1_000

/** Posts and throws the answer's body away. Redirects are not followed. Rejects when there is no answer. */
export async function post({
  dispatcher,
  url,
  headers,
  body,
  signal,
  timeoutMs,
  closeAfter,
}: Post): Promise<HttpAnswer> {
  const answer = await request(url, {
    dispatcher,
    method: 'POST',
    headers: { 'content-type': 'application/json', 'user-agent': 'Carillon', ...headers },
    body,
    signal,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    reset: closeAfter,
  })
  await discard(answer.body)
  const retryAfter = answer.headers['retry-after']
  return { status: answer.statusCode, retryAfter: (Array.isArray(retryAfter) ? retryAfter[0] : retryAfter) ?? null }
}

/** The status has decided: a body that breaks off or goes on for ever changes nothing. */
async function discard(body: Dispatcher.ResponseData['body']): Promise<void> {
  const bound = AbortSignal.timeout(maxBodyMs)
  try {
    await body.dump({ limit: maxBodyBytes, signal: bound })
  } catch {
    body.destroy()
  }
}
