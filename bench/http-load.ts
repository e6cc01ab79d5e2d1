/** The same request again and again over HTTP, on many connections, each as soon as the last is answered. */
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

/** Rejects where a request was not answered with 2xx. */
export async function postRepeatedly({ url, connections, seconds, body }: HttpLoad): Promise<HttpAnswers> {
  const result = await autocannon({
    ...{ url, connections, duration: seconds, timeout: timeoutSeconds, method: 'POST' },
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const { errors, timeouts, non2xx, statusCodeStats, latency, duration } = result
  if (non2xx + errors > 0) {
    const told = JSON.stringify({ errors, timeouts, non2xx, statusCodeStats })
    throw new Error(`Not all of ${result.requests.sent} requests to ${url} were accepted: ${told}`)
  }
  const accepted = result['2xx']
  return { accepted, perSecond: accepted / duration, latencyMs: { p50: latency.p50, p99: latency.p99 } }
}
