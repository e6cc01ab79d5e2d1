/** The record as the API shows it, made from what is known. */
import type { Attempt } from '../../schemas/events.js'
import type { AttemptRecord, DeliveryRecord, NotificationRecord } from '../../schemas/record.js'
import { stateShown } from './deliveries.js'
import { rfc3339 } from './rfc3339.js'
import type { KnownDelivery, RecordState } from './state.js'
import { isPartial, statusOf } from './status.js'
import { timelineOf } from './timeline.js'

/** When the notification was accepted, as far as is known, in milliseconds since the epoch. */
export function createdAtMs({ summary, firstAtMs }: RecordState): number {
  return summary?.acceptedAtMs ?? firstAtMs
}

/** The channels asked for; where none were named, those that it took. */
export function channelsOf({ summary, deliveries }: RecordState): readonly string[] {
  if (summary && summary.channels.length > 0) return summary.channels
  return [...new Set(deliveries.map(({ channel }) => channel))]
}

export function showRecord(state: RecordState): NotificationRecord {
  const { summary, duplicateOf } = state
  return {
    id: state.id,
    status: statusOf(state),
    recipient: state.recipient,
    channels: channelsOf(state),
    ...(summary?.template && { template: { id: summary.template.id, version: summary.template.version } }),
    priority: summary?.priority ?? 'normal',
    ...(summary && summary.sendAtMs !== null && { sendAt: rfc3339(summary.sendAtMs) }),
    createdAt: rfc3339(createdAtMs(state)),
    updatedAt: rfc3339(Math.max(state.lastAtMs, createdAtMs(state))),
    ...(duplicateOf !== null && { duplicateOf }),
    ...(summary && summary.batchId !== null && { batchId: summary.batchId }),
    ...(summary?.correlationId && { correlationId: summary.correlationId }),
    ...(summary && summary.metadata !== '{}' && { metadata: JSON.parse(summary.metadata) }),
    ...(summary?.origin && { origin: summary.origin }),
    ...(isPartial(state) && { partial: true as const }),
    deliveries: state.deliveries.map(showDelivery),
    timeline: timelineOf(state.trail),
  }
}

function showDelivery(delivery: KnownDelivery): DeliveryRecord {
  const { id, channel, provider, attempts } = delivery
  const status = stateShown(delivery)
  return { id, channel, ...(provider !== null && { provider }), status, attempts: attempts.map(showAttempt) }
}

function showAttempt({ number, atMs, outcome, error, latencyMs, messageId }: Attempt): AttemptRecord {
  return {
    number,
    at: rfc3339(atMs),
    outcome,
    ...(error !== null && { error }),
    latencyMs,
    ...(messageId !== null && { providerMessageId: messageId }),
  }
}
