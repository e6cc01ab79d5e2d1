/** Requests of the bench over HTTP: one, or the same again and again. */
import autocannon from 'autocannon'

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
