/** What stages and providers put into the log, with their place in the traces. */

import { tracePlace } from '../../schemas/trace-context.js'
import type { OutboxLine } from '../../stages/deliver/providers/outbox.js'
import type { Logger } from '../observe/logging/logging.js'
import type { StagePorts } from './stages.js'

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
      ...(traceparent !== null && tracePlace(traceparent)),
    })
}
