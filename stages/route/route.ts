/** Turns a rendered notification into one delivery for each channel that can carry it and each address there, and says
 *  why of each other.
 *  Invariant: every delivery, and everything dropped, says how many they are together (`siblings`): that is how the
 *  record knows when the notification has ended. */
import { createHash } from 'node:crypto'
import type {
  Delivery,
  DeliveryStatus,
  NotificationEnd,
  NotificationRendered,
  NotificationRequested,
  TrailEntry,
} from '../../schemas/events.js'
import { cancel, type Outgoing, routed, status } from '../../schemas/outgoing.js'
import type { Channel } from '../../schemas/streams.js'
import { drop, eachRecord, emit, type Outcome, type RecordContext, type Stage } from '../stage.js'
import { type Dropped, decideRoutes, type Route, type RouteProvider } from './decision.js'
import type { ChannelLimits } from './rules.js'

export interface RouteOptions {
  /** What carries each channel. */
  readonly providers: Readonly<Record<Channel, RouteProvider>>
  /** How much the channels carry of a notification that came by this contract. */
  readonly limitsOf?: (origin: string) => ChannelLimits
}

/** What the large operators carry: four segments, an e-mail of 10,000 characters, 4 KiB of push payload. */
export const usualLimits: ChannelLimits = {
  sms: { segments: 4 },
  email: { characters: 10_000 },
  push: { bytes: 4096 },
}

type In = 'notification-rendered' | 'cancel-requested'
type Out = 'delivery-routed' | 'cancel-requested' | 'notification-status'

export function route({ providers, limitsOf = () => usualLimits }: RouteOptions): Stage<In, Out> {
  return eachRecord('route', 'notifications.rendered', ({ event, value }, context) => {
    if (event === 'cancel-requested') return emit(cancel(value, 'deliveries.routed', context.lane))
    const { request, addresses, furtherAddresses, preferences, candidates } = value
    const { routes, dropped } = decideRoutes({
      recipient: request.recipient,
      addresses,
      furtherAddresses,
      preferences,
      candidates,
      providers,
      limits: limitsOf(request.origin),
    })
    return outcome(value, routes, dropped, context)
  })
}

function outcome(
  value: NotificationRendered,
  routes: readonly Route[],
  dropped: readonly Dropped[],
  context: RecordContext,
): Outcome<Out> {
  const siblings = routes.length + dropped.length
  const deliveries = routes.map((chosen) => routed(deliveryOf(value, chosen, siblings, context.nowMs)))
  if (siblings > 0 && dropped.length === 0) return emit<Out>(...deliveries)
  const ended = droppedStatus(value, dropped, siblings, context)
  if (routes.length > 0) return emit<Out>(...deliveries, ended)
  const unwanted = siblings > 0 && dropped.every((one) => one.status === 'suppressed')
  return drop(unwanted ? 'suppressed' : 'no-channel', ended)
}

function deliveryOf(value: NotificationRendered, chosen: Route, siblings: number, nowMs: number): Delivery {
  const { request, trail } = value
  const { channel, provider, address, isOneOfSeveral, message } = chosen
  const { id, tenant, recipient, priority, sendAtMs, expiresAtMs, retry, acceptedAtMs } = request
  const { metadata, correlationId, traceparent, origin, replays } = request
  return {
    id: deliveryId(request, channel, isOneOfSeveral ? address : null),
    notificationId: id,
    tenant,
    recipient,
    channel,
    provider,
    address,
    message,
    priority,
    siblings,
    attempts: [],
    deferrals: 0,
    notBeforeMs: sendAtMs,
    expiresAtMs,
    retry,
    triedFromMs: null,
    acceptedAtMs,
    dueAtMs: sendAtMs !== null && sendAtMs > acceptedAtMs ? sendAtMs : null,
    metadata,
    correlationId,
    traceparent,
    origin,
    replays,
    trail: [...trail, entry(nowMs, 'routed', channel, null, provider)],
  }
}

/** Characters of an address's hash: 64 bits, where a channel has some twenty addresses at most. */
const hashCharacters = 16

/** Stable for a notification, channel and address; the address is told by its hash, and only where the channel has
 *  several. A replay's is another, so that the provider does not take it for the first. */
function deliveryId({ id, replays }: NotificationRequested, channel: string, address: string | null): string {
  const several =
    address === null ? '' : `.${createHash('sha256').update(address).digest('hex').slice(0, hashCharacters)}`
  return `${id}.${channel}${several}${replays > 0 ? `.r${replays}` : ''}`
}

function droppedStatus(
  { request, trail }: NotificationRendered,
  dropped: readonly Dropped[],
  siblings: number,
  { recordId, nowMs }: RecordContext,
): Outgoing<'notification-status'> {
  const { id, tenant, recipient, traceparent } = request
  return status({
    eventId: `${recordId}-route`,
    notificationId: id,
    tenant,
    recipient,
    atMs: nowMs,
    status: siblings === 0 ? nowhere : null,
    duplicateOf: null,
    summary: null,
    deliveries: dropped.map((one) => statusOf(one, request, siblings)),
    trail: [...trail, ...dropped.map((one) => droppedEntry(one, nowMs))],
    traceparent,
  })
}

/** A notification without any channel in question has no delivery to tell its end. */
const nowhere: NotificationEnd = 'failed'

function statusOf(one: Dropped, request: NotificationRequested, siblings: number): DeliveryStatus {
  const { channel, address, status: state } = one
  const id = deliveryId(request, channel, address)
  return { id, channel, provider: null, status: state, final: true, siblings, attempts: [] }
}

function droppedEntry({ channel, status: state, reason, detail }: Dropped, nowMs: number): TrailEntry {
  return entry(nowMs, state === 'suppressed' ? 'suppressed' : 'dropped', channel, reason, detail)
}

function entry(atMs: number, event: string, channel: string, reason: string | null, detail: string): TrailEntry {
  return { atMs, stage: 'route', event, channel, reason, detail }
}
