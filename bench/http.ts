/** HTTP for the bench: one request, the same again and again, and a receiver of webhooks that keeps its own count. */

import { once } from 'node:events'
import { createServer } from 'node:http'
import autocannon from 'autocannon'
import { monotonicMs } from './latency.js'

export interface HttpLoad {
  readonly url: string
  readonly connections: number
  readonly seconds: number
  readonly body: unknown
}

export interface HttpAnswers {
  /** Requests answered with 2xx. */
  readonly accepted: number
  readonly perSecond: number
  /** From the request to its answer, at as many connections: a server that stands still is asked less. */
  readonly latencyMs: { readonly p50: number; readonly p99: number }
}

const timeoutSeconds = 30
const headers = { 'content-type': 'application/json' }

/** Rejects where it is not answered with 2xx. */
export async function post(url: string, body: unknown): Promise<unknown> {
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
  if (!answer.ok) throw new Error(`${url} was answered with ${answer.status}: ${await answer.text()}`)
  return answer.json()
}

/** On many connections, each as soon as the last is answered. Rejects where a request was not answered with 2xx. */
export async function postRepeatedly({ seconds, body, ...load }: HttpLoad): Promise<HttpAnswers> {
  const fixed = { timeout: timeoutSeconds, method: 'POST', headers } as const
  const result = await autocannon({ ...load, ...fixed, duration: seconds, body: JSON.stringify(body) })
  const { errors, timeouts, non2xx, statusCodeStats, latency, duration } = result
  if (non2xx + errors > 0) {
    const told = JSON.stringify({ errors, timeouts, non2xx, statusCodeStats })
    throw new Error(`Not all of ${result.requests.sent} requests to ${load.url} were accepted: ${told}`)
  }
  const accepted = result['2xx']
  return { accepted, perSecond: accepted / duration, latencyMs: { p50: latency.p50, p99: latency.p99 } }
}

export interface Receiver {
  /** Where it listens, like http://127.0.0.1:41234 */
  readonly address: string
  /** Idempotency key → when each call with it began, on the monotonic clock. */
  readonly calls: ReadonlyMap<string, readonly number[]>
  close(): void
}

/** `random`: how long each answer takes, up to `slowestMs`; so there are always calls under way. */
export async function startReceiver(random: () => number, slowestMs: number): Promise<Receiver> {
  const calls = new Map<string, number[]>()
  const server = createServer((request, response) => {
    const key = String(request.headers['idempotency-key'])
    const known = calls.get(key)
    if (known) known.push(monotonicMs())
    else calls.set(key, [monotonicMs()])
    request.on('error', () => undefined).resume()
    setTimeout(() => response.writeHead(204).end(), random() * slowestMs)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('The receiver has no port')
  return {
    address: `http://127.0.0.1:${address.port}`,
    calls,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
