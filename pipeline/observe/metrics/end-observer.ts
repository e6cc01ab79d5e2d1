/** Observes how long deliveries took, to their end. */
import type { EndObserver } from '../../../stages/record/ends.js'
import type { Metrics } from './metrics.js'

export function endObserver({ acceptedToRecordedSeconds }: Metrics): EndObserver {
  return ({ priority, status, tookMs }) => acceptedToRecordedSeconds.observe({ priority, status }, tookMs / 1000)
}
