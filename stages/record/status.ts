/** The status of a notification: a function of what is known of it. */
import type { NotificationState } from '../../schemas/record.js'
import { endRank, ends } from './deliveries.js'
import type { KnownDelivery, KnownEnd, RecordState } from './state.js'

/** Ends that no delivery tells, the one that counts last. */
const otherEnds: readonly KnownEnd['status'][] = ['rejected', 'duplicate', 'failed', 'suppressed']

/** The public status. Once all deliveries have ended it changes only to a better end. Before that, an end that no
 *  delivery tells counts until a delivery is heard of after it: a replayed notification is on its way again. */
export function statusOf({ deliveries, ends: told }: Pick<RecordState, 'deliveries' | 'ends'>): NotificationState {
  const best = bestEnd(deliveries)
  if (best) return best
  const [end] = [...told].sort((a, b) => otherEnds.indexOf(b.status) - otherEnds.indexOf(a.status))
  const endedAtMs = Math.max(...told.map(({ atMs }) => atMs))
  if (end && deliveries.every(({ atMs }) => atMs <= endedAtMs)) return end.status
  if (deliveries.length === 0) return 'accepted'
  const unfinished = deliveries.filter(({ final }) => !final)
  return unfinished.length > 0 && unfinished.every(({ status }) => status === 'scheduled') ? 'scheduled' : 'processing'
}

/** The best end; undefined while a delivery has not ended or was not heard of. */
function bestEnd(deliveries: readonly KnownDelivery[]): NotificationState | undefined {
  let siblings = 1
  let rank = -1
  for (const delivery of deliveries) {
    if (!delivery.final) return undefined
    siblings = Math.max(siblings, delivery.siblings)
    rank = Math.max(rank, endRank(delivery.status))
  }
  return deliveries.length < siblings ? undefined : ends[rank]
}
