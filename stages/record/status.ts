/** The status of a notification: a function of what is known of it. */
import type { DeliveryStateShown, NotificationState } from '../../schemas/record.js'
import { endRank, stateShown } from './deliveries.js'
import type { KnownDelivery, KnownEnd, RecordState } from './state.js'

/** Ends that no delivery tells, the one that counts last. */
const otherEnds: readonly KnownEnd['status'][] = ['rejected', 'duplicate', 'failed', 'suppressed']

/** Ends of deliveries, the one that counts most for the notification first: what got through reached somebody, and what
 *  failed is for somebody to look at; the others are as they were asked for. */
const endsByWeight = ['delivered', 'sent', 'failed', 'expired', 'cancelled', 'simulated', 'suppressed'] as const

/** The public status. Before all deliveries have ended, an end that no delivery tells counts until a delivery is heard of
 *  after it: a replayed notification is on its way again. */
export function statusOf({ deliveries, ends: told }: Pick<RecordState, 'deliveries' | 'ends'>): NotificationState {
  const reached = endsReached(deliveries)
  const heaviest = reached && endsByWeight.find((end) => reached.includes(end))
  if (heaviest) return heaviest
  const [end] = [...told].sort((a, b) => otherEnds.indexOf(b.status) - otherEnds.indexOf(a.status))
  const endedAtMs = Math.max(...told.map(({ atMs }) => atMs))
  if (end && deliveries.every(({ atMs }) => atMs <= endedAtMs)) return end.status
  if (deliveries.length === 0) return 'accepted'
  const unfinished = deliveries.filter(({ final }) => !final)
  return unfinished.length > 0 && unfinished.every(({ status }) => status === 'scheduled') ? 'scheduled' : 'processing'
}

/** Whether all have ended, one got through, and another failed. */
export function isPartial({ deliveries }: Pick<RecordState, 'deliveries'>): boolean {
  const reached = endsReached(deliveries) ?? []
  return reached.includes('failed') && (reached.includes('delivered') || reached.includes('sent'))
}

/** The ends of all deliveries, that of a replay in place of what was replayed; undefined while one has not ended or was
 *  not heard of. */
function endsReached(deliveries: readonly KnownDelivery[]): readonly DeliveryStateShown[] | undefined {
  const [first] = deliveries
  if (!first || deliveries.some(({ final, siblings }) => !final || deliveries.length < siblings)) return undefined
  if (deliveries.length === 1) return [stateShown(first)]
  const best = new Map<string, KnownDelivery>()
  for (const delivery of deliveries) {
    const original = delivery.id.replace(/\.r\d+$/, '')
    const other = best.get(original)
    if (other === undefined || endRank(delivery.status) > endRank(other.status)) best.set(original, delivery)
  }
  return [...best.values()].map(stateShown)
}
