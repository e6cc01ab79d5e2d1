/** Events as upstreams write them, for the tests of intake. */

import { type InboundRecord, type Intake, type IntakeContext, readInbound, takeIn } from '../../ingress/intake.js'
import type { Address, NotificationInbound } from '../../schemas/events.js'

export const nowMs = Date.UTC(2030, 0, 1)

/** An event that leaves out all it can, but for what is given. */
export function inboundEvent({
  to = { id: 'user-42' },
  ...given
}: Partial<Omit<NotificationInbound, 'to'>> & { to?: Partial<Address> } = {}): NotificationInbound {
  return {
    id: null,
    eventId: null,
    tenant: 'default',
    to: { id: null, email: null, phone: null, device: null, webhook: null, slack: null, ...to },
    channels: null,
    template: null,
    content: '{"body":"Hello"}',
    data: '{}',
    priority: 'normal',
    sendAt: null,
    expiresAt: null,
    retry: null,
    dedupe: null,
    metadata: '{}',
    correlationId: null,
    replays: 0,
    ...given,
  }
}

/** Where such an event stands. */
export function inboundRecord(value: NotificationInbound, place: Partial<InboundRecord> = {}): InboundRecord {
  return { value, recordId: 'notifications.inbound-0-7', timestampMs: 1_900_000_000_000, headers: {}, ...place }
}

/** What becomes of it where there is one template, welcome. */
export function taken(record: InboundRecord, context: Partial<IntakeContext> = {}): Intake {
  const welcome = { id: 'welcome', version: 3, locale: 'en', locales: {}, defaults: {}, createdAt: '', updatedAt: '' }
  const templates = new Map([['welcome', welcome]])
  return takeIn(record, readInbound(record.value), {
    nowMs,
    dedupeWindowMs: 10_800_000,
    retryBounds: { minWaitMs: 1000, maxGiveUpAfterMs: 604_800_000 },
    templates,
    ...context,
  })
}
