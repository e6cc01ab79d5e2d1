/** Counts and logs what the HTTP API answered. */
import type { RequestLogEntry } from '../ingress/request-log-entry.js'
import type { Logger } from './logging.js'
import type { Metrics } from './metrics.js'

/** To be called after each request. */
export function requestLog(metrics: Metrics, logger: Logger): (entry: RequestLogEntry) => void {
  return (entry) => {
    const { method, route, status, durationMs } = entry
    metrics.requestSeconds.observe({ method, route, status: String(status) }, durationMs / 1000)
    if (status >= 500) logger.error('A request failed', entry)
    else logger.debug('Answered', entry)
  }
}
