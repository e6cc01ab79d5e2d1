/** Says where each event goes: its topic, lane, channel and key. Whoever writes an event builds it here. */
import type { EventName, EventOf } from './avro.js'
import type {
  CancelRequested,
  DeadLetter,
  Delivery,
  NotificationAccepted,
  NotificationChanged,
  NotificationInbound,
  NotificationRendered,
  NotificationRequested,
  NotificationStatus,
  ProviderHealth,
  ReplayDecided,
  ReplayRequested,
} from './events.js'
import type { Channel, EventsOn, Lane, StreamName, Topic } from './streams.js'

/** An event with its way through the log. */
export type Outgoing<N extends EventName = EventName> = EventOf<N> &
  Topic & {
    readonly key: string
    /** True: the key is forgotten in its compacted stream; the value is not written. */
    readonly tombstone?: true
  }

/** The key that keeps one recipient's records in order. */
export function recipientKey(tenant: string, recipient: string): string {
  return `${tenant}/${recipient}`
}

/** What an upstream wrote, put before intake once more, under its notification's id. */
export function inbound(value: NotificationInbound, id: string): Outgoing<'notification-inbound'> {
  return { event: 'notification-inbound', value: { ...value, id }, ...aside('notifications.inbound', id) }
}

export function requested(value: NotificationRequested): Outgoing<'notification-requested'> {
  return { event: 'notification-requested', value, ...flow('notifications.requested', value, value.priority) }
}

export function accepted(value: NotificationAccepted): Outgoing<'notification-accepted'> {
  const { request } = value
  return { event: 'notification-accepted', value, ...flow('notifications.accepted', request, request.priority) }
}

export function rendered(value: NotificationRendered): Outgoing<'notification-rendered'> {
  const { request } = value
  return { event: 'notification-rendered', value, ...flow('notifications.rendered', request, request.priority) }
}

export function routed(delivery: Delivery): Outgoing<'delivery-routed'> {
  return { event: 'delivery-routed', value: { delivery }, ...flow('deliveries.routed', delivery, delivery.priority) }
}

export function released(delivery: Delivery, releasedAtMs: number): Outgoing<'delivery-released'> {
  const topic = flow('deliveries.released', delivery, delivery.priority, delivery.channel as Channel)
  return { event: 'delivery-released', value: { delivery, releasedAtMs }, ...topic }
}

/** The topics that cancel commands stand on. */
type CancelStream = { [T in StreamName]: 'cancel-requested' extends EventsOn<T> ? T : never }[StreamName]

/** The cancel command, in its notification's lane, on any topic from requested to routed. */
export function cancel(value: CancelRequested, stream: CancelStream, lane: Lane): Outgoing<'cancel-requested'> {
  return { event: 'cancel-requested', value, ...flow(stream, value, lane) }
}

export function status(value: NotificationStatus): Outgoing<'notification-status'> {
  return { event: 'notification-status', value, ...aside('notifications.status', value.notificationId) }
}

/** What watchers are told, in the order of each notification. */
export function changed(value: NotificationChanged): Outgoing<'notification-changed'> {
  return { event: 'notification-changed', value, ...aside('notifications.changed', value.notificationId) }
}

export function deadLetter(value: DeadLetter): Outgoing<'dead-letter'> {
  return { event: 'dead-letter', value, ...aside('dead-letters', value.notificationId ?? value.id) }
}

/** The command to replay a dead letter: in the letter's partition, behind it. */
export function replayRequested(value: ReplayRequested): Outgoing<'replay-requested'> {
  return { event: 'replay-requested', value, ...aside('dead-letters', value.notificationId ?? value.letterId) }
}

/** What became of a dead letter, in the letter's partition. */
export function replayDecided(value: ReplayDecided): Outgoing<'replay-decided'> {
  return { event: 'replay-decided', value, ...aside('dead-letters', value.notificationId ?? value.letterId) }
}

export function providerHealth(value: ProviderHealth): Outgoing<'provider-health'> {
  return { event: 'provider-health', value, ...aside('providers.health', value.key) }
}

/** After the last news of a breaker that is closed: nothing of it need be kept. */
export function providerHealthForgotten(value: ProviderHealth): Outgoing<'provider-health'> {
  return { ...providerHealth(value), tombstone: true }
}

interface Owned {
  readonly tenant: string
  readonly recipient: string
}

function flow<T extends StreamName>(
  stream: T,
  { tenant, recipient }: Owned,
  lane: Lane,
  channel: Channel | null = null,
) {
  return { stream, lane, channel, key: recipientKey(tenant, recipient) }
}

function aside<T extends StreamName>(stream: T, key: string) {
  return { stream, lane: null, channel: null, key }
}
