/** What the bare chain carries: the pipeline's own events, as large as the real ones, turned into each other without
 *  any of the decisions. */
import type { EventName } from '../schemas/avro.js'
import type { Delivery, Events, NotificationRequested, TrailEntry } from '../schemas/events.js'
import type { StreamName } from '../schemas/streams.js'
import { deliveryKey, makeNotifications } from './notifications.js'

/** One hop: reads an event and makes the next. `to` is null at the end. */
export interface Hop {
  readonly from: EventName
  readonly to: EventName | null
  turn(value: Events[EventName]): Events[EventName]
}

export function sampleRequest(number: number): NotificationRequested {
  const [request] = makeNotifications(number, 1)
  if (!request) throw new RangeError('One notification was asked for')
  return request
}

export const hops: readonly Hop[] = [
  hop('notification-requested', 'notification-accepted', (request) => ({
    request,
    trail: [entry(request.acceptedAtMs, 'ingress', 'accepted'), entry(request.acceptedAtMs, 'dedupe', 'admitted')],
  })),
  hop('notification-accepted', 'notification-rendered', ({ request, trail }) => ({
    request: { ...request, data: '{}', content: null },
    addresses: { sms: request.to.phone ?? '' },
    furtherAddresses: null,
    preferences: null,
    candidates: [{ channel: 'sms', message: { ...noMessage, text: request.data }, reason: null, detail: null }],
    trail: [...trail, entry(request.acceptedAtMs, 'enrich-template', 'rendered')],
  })),
  hop('notification-rendered', 'delivery-routed', ({ request, candidates, trail }) => ({
    delivery: {
      ...skeletonOf(request),
      message: candidates[0]?.message ?? noMessage,
      trail: [...trail, entry(request.acceptedAtMs, 'route', 'routed')],
    },
  })),
  hop('delivery-routed', 'delivery-released', ({ delivery }) => ({
    delivery: { ...delivery, trail: [...delivery.trail, entry(delivery.acceptedAtMs, 'throttle', 'released')] },
    releasedAtMs: delivery.acceptedAtMs,
  })),
  hop('delivery-released', 'notification-status', ({ delivery, releasedAtMs }) => ({
    eventId: `${delivery.id}-sent-1-0`,
    notificationId: delivery.notificationId,
    tenant: delivery.tenant,
    recipient: delivery.recipient,
    atMs: releasedAtMs,
    status: null,
    duplicateOf: null,
    summary: null,
    deliveries: [statusOf(delivery)],
    trail: [...delivery.trail, entry(releasedAtMs, 'deliver', 'sent')],
    traceparent: delivery.traceparent,
  })),
  hop('notification-status', null, (status) => status),
]

/** What each hop reads, and the group that it reads it in. */
export const chainedTopics = [
  'notifications.requested',
  'notifications.accepted',
  'notifications.rendered',
  'deliveries.routed',
  'deliveries.released',
  'notifications.status',
] as const satisfies readonly StreamName[]
export const groups = ['dedupe', 'enrich-template', 'route', 'throttle', 'deliver', 'record']
export const statelessGroups = ['enrich-template', 'route', 'record']

const noMessage = { subject: null, text: null, html: null, data: null }

/** The table of hops knows only that each reads what the one before wrote. */
function hop<From extends EventName, To extends EventName>(
  from: From,
  to: To | null,
  turn: (value: Events[From]) => Events[To],
): Hop {
  return { from, to, turn: turn as Hop['turn'] }
}

function skeletonOf(request: NotificationRequested): Omit<Delivery, 'message' | 'trail'> {
  const { id, tenant, recipient, to, priority, expiresAtMs, acceptedAtMs, metadata } = request
  const { correlationId, traceparent, origin, replays } = request
  return {
    ...{ id: deliveryKey(id), notificationId: id, tenant, recipient, priority, expiresAtMs, acceptedAtMs, metadata },
    ...{ correlationId, traceparent, origin, replays, channel: 'sms', provider: 'http', address: to.phone ?? '' },
    ...{ siblings: 1, attempts: [], deferrals: 0, notBeforeMs: null, retry: null, triedFromMs: null, dueAtMs: null },
  }
}

function statusOf({ id, channel, provider, siblings, acceptedAtMs }: Delivery) {
  const attempts = [{ number: 1, atMs: acceptedAtMs, outcome: 'sent', error: null, latencyMs: 0, messageId: null }]
  return { id, channel, provider, status: 'sent' as const, final: true, siblings, attempts }
}

function entry(atMs: number, stage: string, event: string): TrailEntry {
  return { atMs, stage, event, channel: null, reason: null, detail: null }
}

/** What the stages before deliver would have made of it. */
export function deliveryOf(request: NotificationRequested): Delivery {
  let value: Events[EventName] = request
  for (const { turn, to } of hops) {
    if (to === 'notification-status') break
    value = turn(value)
  }
  if (!('delivery' in value)) throw new Error('The hops before deliver make no delivery')
  return { ...value.delivery, provider: 'stub' }
}
