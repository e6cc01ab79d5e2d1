/** The record of a notification: what the API shows of it, and what the record stage keeps up to date. */
import type { DeliveryState } from './events.js'

/** Every public status of a notification. */
export const notificationStatuses = [
  'accepted',
  'scheduled',
  'processing',
  'delivered',
  'sent',
  'simulated',
  'cancelled',
  'expired',
  'suppressed',
  'failed',
  'duplicate',
  'rejected',
] as const
export type NotificationState = (typeof notificationStatuses)[number]

/** Statuses after which nothing more happens to a notification. */
export const finalStatuses: ReadonlySet<NotificationState> = new Set([
  'delivered',
  'sent',
  'simulated',
  'cancelled',
  'expired',
  'suppressed',
  'failed',
  'duplicate',
  'rejected',
])

/** What carries a channel that has no provider: nothing leaves, and what it took is `simulated`. No other provider may
 *  have the name, so the record can tell by it; on the wire such a delivery is sent. */
export const simulatingProvider = 'outbox'

/** Every public status of a delivery. */
export type DeliveryStateShown = DeliveryState | 'simulated'

/** Ends by which somebody was told, or would have been with a provider: what ended otherwise may be asked for again, and is no duplicate. */
export const gotThrough: ReadonlySet<NotificationState> = new Set(['delivered', 'sent', 'simulated'])

/** One provider call, as the API shows it. `at` is RFC 3339. */
export interface AttemptRecord {
  readonly number: number
  readonly at: string
  readonly outcome: string
  readonly error?: string
  readonly latencyMs: number
  /** The provider's own id of the message. */
  readonly providerMessageId?: string
}

/** One delivery, as the API shows it. */
export interface DeliveryRecord {
  readonly id: string
  readonly channel: string
  readonly provider?: string
  readonly status: DeliveryStateShown
  readonly attempts: readonly AttemptRecord[]
}

/** One decision, as the API shows it. `count` tells how many equal ones in a row stand in this entry. */
export interface TimelineEntry {
  readonly at: string
  readonly stage: string
  readonly event: string
  readonly channel?: string
  readonly reason?: string
  readonly detail?: string
  readonly count?: number
}

/** One notification, as the API shows it. */
export interface NotificationRecord {
  readonly id: string
  readonly status: NotificationState
  readonly recipient: string
  readonly channels: readonly string[]
  readonly template?: { readonly id: string; readonly version: number }
  readonly priority: 'high' | 'normal' | 'low'
  readonly sendAt?: string
  readonly createdAt: string
  readonly updatedAt: string
  readonly duplicateOf?: string
  readonly batchId?: string
  readonly correlationId?: string
  readonly metadata?: unknown
  readonly origin?: string
  /** One delivery got through, and another failed. */
  readonly partial?: true
  readonly deliveries: readonly DeliveryRecord[]
  readonly timeline: readonly TimelineEntry[]
}

/** What watchers are told of a notification. */
export interface Change {
  readonly id: string
  readonly recipient: string
  /** The contract it came by. */
  readonly origin: string
  /** The public status that it has from now on; null: that did not change. */
  readonly status: NotificationState | null
  /** True: a message of it has come into the recipient's inbox. */
  readonly inbox: boolean
  /** True: it was on its way before, and waits for another try. */
  readonly waitsAgain: boolean
  readonly at: string
}
