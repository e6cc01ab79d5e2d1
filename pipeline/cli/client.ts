/** Talks to a running Carillon over HTTP. */
import { z } from 'zod'
import { type ClientConfig, loadClientConfig } from '../config/config.js'
import { CommandFailed, exitCodes } from './exit.js'

/** How long an answer may take, beyond what the request asks Carillon to wait. */
const answerWithinMs = 10_000
/** Larger than any page that Carillon gives. */
const maxAnswerBytes = 64 * 1024 * 1024

export interface Call {
  readonly method: 'GET' | 'POST'
  /** With the query, beginning with a slash. */
  readonly path: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** How long the request asks Carillon to wait before it answers. */
  readonly waitMs?: number
}

/** Calls a running Carillon. Rejects with `CommandFailed` when it cannot be reached, refuses, or answers with
 *  something else than `answer`. */
export type Client = <T>(call: Call, answer: z.ZodType<T>) => Promise<T>

const problem = z.object({
  title: z.string().optional(),
  detail: z.string().optional(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
})

/** A client for where CARILLON_URL points, with the key of CARILLON_API_KEY. */
export function connect(config: ClientConfig = loadClientConfig()): Client {
  return async (call, answer) => {
    const { ok, status, text } = await exchange(config, call)
    const body = jsonOr(text)
    if (!ok) throw new CommandFailed(refusal(status, body), exitCodes.failed)
    const parsed = answer.safeParse(body)
    if (parsed.success) return parsed.data
    throw new CommandFailed(
      `${config.url} did not answer as Carillon does. Is CARILLON_URL right, and is Carillon as new as this command?`,
      exitCodes.failed,
      { cause: parsed.error },
    )
  }
}

async function exchange({ url, apiKey }: ClientConfig, { method, path, body, headers = {}, waitMs = 0 }: Call) {
  // Imported here, so that commands which ask nothing start sooner. Node's own fetch refuses some ports that
  // CARILLON_PORT allows. Redirects are not followed: the key is for this address alone.
  const { Agent, request } = await import('undici')
  try {
    const { statusCode: status, body: answer } = await request(`${url}${path}`, {
      method,
      headers: {
        accept: 'application/json',
        ...(apiKey === null ? {} : { authorization: `Bearer ${apiKey}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? null : JSON.stringify(body),
      dispatcher: new Agent({ maxResponseSize: maxAnswerBytes }),
      signal: AbortSignal.timeout(answerWithinMs + waitMs),
    })
    return { ok: status >= 200 && status < 300, status, text: await answer.text() }
  } catch (error) {
    throw new CommandFailed(unreachable(url, error), exitCodes.unreachable, { cause: error })
  }
}

function unreachable(url: string, error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') {
    return `Carillon at ${url} did not answer in time. Look at ${url}/health/ready.`
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'no connection'
  return `Cannot reach Carillon at ${url} (${code}). Start it with "carillon start", or set CARILLON_URL to where it runs.`
}

/** A problem (RFC 9457): what is wrong, then a line for each path. */
function refusal(status: number, body: unknown): string {
  const { title, detail, errors = [] } = problem.safeParse(body).data ?? {}
  const words = [title, detail].filter((part) => part !== undefined && part !== '')
  const hint = status === 401 ? ['set CARILLON_API_KEY to the key of that Carillon'] : []
  const heading = [`Carillon answered ${status}`, ...words, ...hint].join(': ')
  return [heading, ...errors.map(({ path, message }) => (path === '' ? `  ${message}` : `  ${path}: ${message}`))].join(
    '\n',
  )
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // A proxy's page, or nothing: told by the status alone.
    return undefined
  }
}
