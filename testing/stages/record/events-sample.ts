/** Status events for the tests of records. */
import type {
  Attempt,
  DeliveryStatus,
  NotificationStatus,
  NotificationSummary,
  TrailEntry,
} from '../../../schemas/events.js'

/** 2026-01-01T00:00:00.000Z */
export const startMs = Date.UTC(2026, 0, 1)

/** One of notification n-1 to user-42, `afterMs` after the start. */
export function sampleStatus(afterMs: number, changes: Partial<NotificationStatus> = {}): NotificationStatus {
  return {
    eventId: `event-${afterMs}`,
    notificationId: 'n-1',
    tenant: 'default',
    recipient: 'user-42',
    atMs: startMs + afterMs,
    status: null,
    duplicateOf: null,
    summary: null,
    deliveries: [],
    trail: [],
    traceparent: null,
    ...changes,
  }
}

/** An e-mail on its way, the only delivery. */
export function sampleDelivery(changes: Partial<DeliveryStatus> = {}): DeliveryStatus {
  const channel = changes.channel ?? 'email'
  return {
    id: `n-1:${channel}`,
    channel,
    provider: 'smtp',
    status: 'sending',
    final: false,
    siblings: 1,
    attempts: [],
    ...changes,
  }
}

/** A call that took 20 ms. */
export function sampleAttempt(number: number, afterMs: number, outcome = 'transient'): Attempt {
  const error = outcome === 'sent' ? null : 'refused'
  return { number, atMs: startMs + afterMs, outcome, error, latencyMs: 20, messageId: null }
}

export function sampleEntry(
  afterMs: number,
  stage: string,
  event: string,
  changes: Partial<TrailEntry> = {},
): TrailEntry {
  return { atMs: startMs + afterMs, stage, event, channel: null, reason: null, detail: null, ...changes }
}

/** What was asked with n-1, at the start. */
export function sampleSummary(changes: Partial<NotificationSummary> = {}): NotificationSummary {
  return {
    recipient: 'user-42',
    channels: ['email'],
    template: { id: 'welcome', version: 3 },
    priority: 'high',
    sendAtMs: null,
    acceptedAtMs: startMs,
    metadata: '{"order":7}',
    batchId: null,
    correlationId: 'c-1',
    origin: 'native',
    ...changes,
  }
}
