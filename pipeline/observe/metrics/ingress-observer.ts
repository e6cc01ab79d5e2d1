/** Counts what the ingress takes in, and who watches. */
import type { NotificationRequested } from '../../../schemas/events.js'
import type { Metrics } from './metrics.js'

/** The ingress's `IngressObserver`. */
export function ingressObserver(metrics: Metrics) {
  return {
    requests: (change: 1 | -1): void => metrics.activeRequests.inc(change),
    accepted: (notifications: readonly NotificationRequested[]): void => countAccepted(metrics, notifications),
    replayed: (origin: string): void => metrics.replayed.inc({ origin: nameOf(origin) }),
    watchers: (kind: string, change: 1 | -1): void => metrics.watchers.inc({ kind }, change),
  }
}

/** By the contract that they came by; what Kafka brought, by `kafka`. */
export function countAccepted(metrics: Metrics, notifications: readonly NotificationRequested[]): void {
  let same = 0
  for (const [at, { priority, origin }] of notifications.entries()) {
    same++
    const next = notifications[at + 1]
    if (next?.priority === priority && next.origin === origin) continue
    metrics.accepted.inc({ priority, origin: nameOf(origin) }, same)
    same = 0
  }
}

/** Events from before there were contracts tell none. */
function nameOf(origin: string): string {
  return origin || 'native'
}
