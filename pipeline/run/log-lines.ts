/** The lines that a process logs: a request that was answered, a stage that crashed, a message that the outbox keeps. */
import type { RequestLogEntry } from '../../ingress/observer.js'
import { spanContext } from '../../schemas/trace-context.js'
import type { OutboxLine } from '../../stages/deliver/providers/outbox.js'
import type { Logger } from '../observe/logging/logging.js'
import type { Metrics } from '../observe/metrics/metrics.js'
import type { StagePorts } from './stages.js'

/** Counts and logs a request. To be called after each. */
export function requestLog(metrics: Metrics, logger: Logger): (entry: RequestLogEntry) => void {
  return (entry) => {
    const { method, route, status, durationMs } = entry
    const labels = { http_request_method: method, http_route: route, http_response_status_code: String(status) }
    metrics.requestSeconds.observe(labels, durationMs / 1000)
    if (status >= 500) logger.error('A request failed', entry)
    else logger.debug('Answered', entry)
  }
}

/** To be told of a stage's crashes. */
export function logCrashes(logger: Logger): StagePorts['crashed'] {
  return (stage, error, waitMs, place) =>
    logger.error('A stage failed and starts again', { stage, waitMs, error, ...place })
}

/** To be told of what the outbox keeps. */
export function logKept(logger: Logger): (line: OutboxLine) => void {
  return ({ deliveryId, channel, note, traceparent }) =>
    logger.info('Kept in the outbox', {
      ...{ deliveryId, channel, reason: note },
      ...(traceparent !== null && spanContext(traceparent)),
    })
}
