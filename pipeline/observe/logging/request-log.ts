/** Counts and logs what the HTTP API answered. */
import type { RequestLogEntry } from '../../../ingress/request-log-entry.js'
import type { Metrics } from '../metrics/metrics.js'
import type { Logger } from './logging.js'

/** To be called after each request. */
export function requestLog(metrics: Metrics, logger: Logger): (entry: RequestLogEntry) => void {
  return (entry) => {
    const { method, route, status, durationMs } = entry
    const labels = { http_request_method: method, http_route: route, http_response_status_code: String(status) }
    metrics.requestSeconds.observe(labels, durationMs / 1000)
    if (status >= 500) logger.error('A request failed', entry)
    else logger.debug('Answered', entry)
  }
}
