/** What throttle tells of its work, for metrics. */
import type { Delivery } from '../../schemas/events.js'
import type { Reason } from './gates.js'

/** What a delivery is put aside for: its time, or its destination. */
export type ParkedFor = 'send-at' | 'retry' | Reason | 'behind-others'

/** Told of decisions as they are made; after a crash some are made, and told, once more. Must not throw. */
export interface ThrottleObserver {
  /** It goes on to deliver. `waitedMs`: since it could have gone. */
  released(delivery: Delivery, waitedMs: number): void
  parked(delivery: Delivery, reason: ParkedFor): void
}

/** How long a delivery has stood before throttle: since the stage before it let it go, or deliver sent it back, or
 *  since it was due where that is later. */
export function waitedMs({ trail, dueAtMs, acceptedAtMs }: Delivery, nowMs: number): number {
  const cameMs = trail.findLast(({ stage }) => stage !== 'throttle')?.atMs ?? acceptedAtMs
  return Math.max(0, nowMs - Math.max(cameMs, dueAtMs ?? 0))
}
