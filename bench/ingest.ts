/** What HTTP takes in: single requests, then batches, with all stages at work on what came in. */
import autocannon from 'autocannon'
import { startCarillon } from './carillon-process.js'
import { inFolder } from './run-folder.js'

export interface IngestRun {
  /** Notifications a second that batch requests got durably accepted. */
  readonly batchPerSecond: number
  /** Requests of one notification a second, at 64 connections. */
  readonly singlePerSecond: number
  readonly singleP99Ms: number
}

const connections = 64
const batchSize = 1000
/** Enough to keep the ingress busy; each holds a thousand notifications. */
const batchConnections = 8

export function ingest(seconds: number): Promise<IngestRun> {
  return inFolder(async (folder) => {
    const carillon = await startCarillon(folder, { CARILLON_LOG_LEVEL: 'error' })
    try {
      const single = await load(`${carillon.address}/v1/notifications`, connections, seconds, request(0))
      const notifications = Array.from({ length: batchSize }, (_, number) => request(number))
      const batches = await load(`${carillon.address}/v1/notifications/batch`, batchConnections, seconds, {
        notifications,
      })
      return {
        batchPerSecond: (batches['2xx'] * batchSize) / batches.duration,
        singlePerSecond: single['2xx'] / single.duration,
        singleP99Ms: single.latency.p99,
      }
    } finally {
      await carillon.kill()
    }
  })
}

function request(number: number) {
  return { to: `user-${number}`, content: { body: `Hello ${number}, your order is on its way.` } }
}

async function load(url: string, using: number, duration: number, body: unknown): Promise<autocannon.Result> {
  const result = await autocannon({
    url,
    connections: using,
    duration,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    timeout: 30,
  })
  if (result.non2xx + result.errors > 0) {
    const { errors, timeouts, non2xx, statusCodeStats } = result
    const told = JSON.stringify({ errors, timeouts, non2xx, statusCodeStats })
    throw new Error(`Not all of ${result.requests.sent} requests to ${url} were accepted: ${told}`)
  }
  return result
}
