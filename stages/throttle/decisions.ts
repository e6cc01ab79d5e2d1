/** What throttle decides on one delivery, as functions of what is known: they read no clock and change nothing. */
import type { Delivery } from '../../schemas/events.js'
import type { Gate, Reason } from './gates.js'

export type TimeDecision =
  | { readonly kind: 'end'; readonly how: 'cancelled' | 'expired' }
  | { readonly kind: 'park-until'; readonly reason: 'send-at' | 'retry'; readonly untilMs: number }

export type DestinationDecision =
  | { readonly kind: 'release' }
  /** It stays in memory, at the head of its lane; credit is worth waiting for. */
  | { readonly kind: 'hold'; readonly forMs: number }
  /** `retryInMs`: when its destination may open; null: when credit comes back, or what stands before it has gone. */
  | { readonly kind: 'park-for'; readonly reason: Reason | 'behind-others'; readonly retryInMs: number | null }

const cancelled: TimeDecision = { kind: 'end', how: 'cancelled' }
const expired: TimeDecision = { kind: 'end', how: 'expired' }
const release: DestinationDecision = { kind: 'release' }
const behindOthers: DestinationDecision = { kind: 'park-for', reason: 'behind-others', retryInMs: null }

/** What its own time says of a delivery that has just come; null: nothing keeps it from going. A cancel ends only what
 *  comes back: a first delivery stands on the log before the command, or is a replay that begins anew. */
export function decideByTime(
  delivery: Delivery,
  isCancelled: (notificationId: string) => boolean,
  nowMs: number,
): TimeDecision | null {
  const { notBeforeMs, notificationId } = delivery
  const again = isAgain(delivery)
  if (again && isCancelled(notificationId)) return cancelled
  if (isExpired(delivery, nowMs)) return expired
  if (notBeforeMs === null || notBeforeMs <= nowMs) return null
  return { kind: 'park-until', reason: again ? 'retry' : 'send-at', untilMs: notBeforeMs }
}

/** What its destination says of a delivery that may go. `queued`: others wait for the destination already.
 *  `creditLeftMs` is asked only where credit would help: how long its lane may still wait for it; null: no longer. */
export function decideByDestination(
  gate: Gate,
  queued: boolean,
  creditLeftMs: () => number | null,
): DestinationDecision {
  if (gate.open && !queued) return release
  if (gate.open || gate.reason === 'credit') {
    const leftMs = creditLeftMs()
    if (leftMs !== null) return { kind: 'hold', forMs: Math.max(1, leftMs) }
  }
  if (gate.open) return behindOthers
  return { kind: 'park-for', reason: queued ? 'behind-others' : gate.reason, retryInMs: gate.retryInMs }
}

/** Whether deliver had it before, and sent it back. */
export function isAgain({ attempts, deferrals }: Delivery): boolean {
  return attempts.length > 0 || deferrals > 0
}

/** Whether its time is over. */
export function isExpired({ expiresAtMs }: Delivery, nowMs: number): boolean {
  return expiresAtMs !== null && expiresAtMs <= nowMs
}
