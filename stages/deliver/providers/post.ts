/** One POST of JSON whose answer counts by its status. */
import { addAbortSignal } from 'node:stream'
import { type Dispatcher, request } from 'undici'
import type { HttpAnswer } from './http-outcome.js'
import { type AnswerHeaders, retryHeaders } from './retry-after.js'

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
  /** Keeps the answer's body; else it is thrown away. */
  readonly keepBody?: boolean
}

/** The answer's body is read, so that the connection can be used again, up to this and for this long. */
const maxBodyBytes = 16 * 1024
const maxBodyMs = 1_000

/** Posts and waits for the whole answer. Redirects are not followed. Rejects when there is no answer. */
export async function post({
  dispatcher,
  url,
  headers,
  body,
  signal,
  timeoutMs,
  closeAfter,
  keepBody = false,
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
  const kept = keepBody ? await read(answer.body) : await discard(answer.body)
  return { status: answer.statusCode, headers: readHeaders(answer.headers), body: kept }
}

/** Of a stranger's headers only those that are read: one that is given twice counts as first given. */
function readHeaders(headers: Dispatcher.ResponseData['headers']): AnswerHeaders {
  return Object.fromEntries(
    retryHeaders.map((name) => {
      const value = headers[name]
      return [name, Array.isArray(value) ? value[0] : value]
    }),
  )
}

type Body = Dispatcher.ResponseData['body']

/** The status has decided: a body that breaks off or goes on for ever changes nothing. */
async function discard(body: Body): Promise<null> {
  try {
    await body.dump({ limit: maxBodyBytes, signal: AbortSignal.timeout(maxBodyMs) })
  } catch {
    body.destroy()
  }
  return null
}

/** As `discard`, but gives what came; null where it is not whole. */
async function read(body: Body): Promise<string | null> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  try {
    for await (const chunk of addAbortSignal(AbortSignal.timeout(maxBodyMs), body)) {
      bytes += chunk.length
      // To leave the loop ends the connection.
      if (bytes > maxBodyBytes) return null
      chunks.push(chunk)
    }
    return Buffer.concat(chunks).toString()
  } catch {
    return null
  }
}
