/** What is written when a record is given up: the dead letter with the original bytes, and the end of its notification,
 *  so that nothing accepted stays without one. */

import type { EventName, EventOf } from '../../schemas/avro.js'
import type {
  Delivery,
  NotificationInbound,
  NotificationRequested,
  NotificationStatus,
  TrailEntry,
} from '../../schemas/events.js'
import { notificationIdOf } from '../../schemas/ids.js'
import { deadLetter, type Outgoing, status } from '../../schemas/outgoing.js'
import { topicName } from '../../schemas/streams.js'
import { tenant } from '../../schemas/tenant.js'
import type { WorkerName } from '../../stages/stage.js'
import type { LogRecord } from './log.js'

/** A record that is given up. */
export interface GivenUpRecord {
  readonly recordId: string
  readonly record: LogRecord
  /** Stable code in kebab case. */
  readonly cause: string
  readonly detail: string
  /** What it says, where it can be read. */
  readonly event: EventOf<EventName> | null
  /** True: the stage has not told the notification's end itself. */
  readonly tell: boolean
}

const maxDetail = 1000
/** A log takes no record of any size: of a larger one the letter says only where it stands. An upstream may write more
 *  than this where its records are compressed. */
export const maxKeptBytes = 3 * 1024 * 1024

/** The events that bury a record. */
export function deadLetterEvents(givenUp: GivenUpRecord, stage: WorkerName, nowMs: number): Outgoing[] {
  const { record, recordId, cause, event } = givenUp
  const detail = givenUp.detail.slice(0, maxDetail)
  const kept = bytesOf(record) <= maxKeptBytes ? record : nothingKept
  const subject = event ? subjectOf(event, givenUp) : null
  const letter = deadLetter({
    id: `${recordId}-${stage}`,
    tenant: subject?.tenant ?? 'default',
    atMs: nowMs,
    stage,
    topic: topicName(record.topic),
    partition: record.partition,
    offset: record.offset,
    cause,
    detail: kept === record ? detail : `${detail} (Too large to be kept here: ${bytesOf(record)} bytes.)`,
    notificationId: subject?.notificationId ?? null,
    key: kept.key,
    value: kept.value,
    headers: kept.headers,
    replays: subject?.replays ?? 0,
  })
  if (!givenUp.tell || !subject?.end) return [letter]
  const entry = { atMs: nowMs, stage, event: 'dead-lettered', channel: null, reason: cause, detail }
  return [letter, status(subject.end(recordId, entry))]
}

const nothingKept = { key: null, value: null, headers: {} } as const

function bytesOf({ key, value, headers }: LogRecord): number {
  const texts = Object.entries(headers).reduce((sum, [name, text]) => sum + Buffer.byteLength(name + text), 0)
  return (key?.length ?? 0) + (value?.length ?? 0) + texts
}

interface Subject {
  readonly notificationId: string
  readonly tenant: string
  readonly replays: number
  /** The status event that ends it; null where the record itself ends nothing. */
  readonly end: ((recordId: string, entry: TrailEntry) => NotificationStatus) | null
}

function subjectOf(event: EventOf<EventName>, { recordId, record }: GivenUpRecord): Subject | null {
  switch (event.event) {
    case 'notification-inbound':
      return ofInbound(event.value, recordId, record.timestampMs)
    case 'notification-requested':
      return ofRequest(event.value, [])
    case 'notification-accepted':
    case 'notification-rendered':
      return ofRequest(event.value.request, event.value.trail)
    case 'delivery-routed':
    case 'delivery-released':
      return ofDelivery(event.value.delivery)
    case 'notification-status':
      return { notificationId: event.value.notificationId, tenant: event.value.tenant, replays: 0, end: null }
    case 'cancel-requested':
      return { notificationId: event.value.id, tenant: event.value.tenant, replays: 0, end: null }
    case 'dead-letter':
    case 'replay-requested':
    case 'replay-decided':
    case 'provider-health':
    case 'notification-changed':
      return null
  }
}

/** An upstream's event has told nothing of itself yet. What it says is not checked: only its id is. */
function ofInbound(value: NotificationInbound, inRecord: string, timestampMs: number): Subject {
  const id = notificationIdOf({ value, recordId: inRecord, timestampMs })
  const end = (recordId: string, entry: TrailEntry): NotificationStatus => ({
    ...endOf(recordId, id, tenant, '', entry, null),
    status: 'failed',
    deliveries: [],
    trail: [{ ...entry, stage: 'ingress' }],
  })
  return { notificationId: id, tenant, replays: value.replays, end }
}

function ofRequest(request: NotificationRequested, trail: readonly TrailEntry[]): Subject {
  const { id, tenant, recipient, replays, traceparent } = request
  const end = (recordId: string, entry: TrailEntry): NotificationStatus => ({
    ...endOf(recordId, id, tenant, recipient, entry, traceparent),
    status: 'failed',
    deliveries: [],
    trail: [...trail, entry],
  })
  return { notificationId: id, tenant, replays, end }
}

function ofDelivery(delivery: Delivery): Subject {
  const { notificationId, tenant, recipient, replays, traceparent } = delivery
  const end = (recordId: string, entry: TrailEntry): NotificationStatus => ({
    ...endOf(recordId, notificationId, tenant, recipient, entry, traceparent),
    status: null,
    deliveries: [
      {
        id: delivery.id,
        channel: delivery.channel,
        provider: delivery.provider,
        status: 'failed',
        final: true,
        siblings: delivery.siblings,
        attempts: delivery.attempts,
      },
    ],
    trail: [...delivery.trail, entry],
  })
  return { notificationId, tenant, replays, end }
}

function endOf(
  recordId: string,
  notificationId: string,
  tenant: string,
  recipient: string,
  { atMs }: TrailEntry,
  traceparent: string | null,
) {
  const eventId = `${recordId}-dead`
  return { eventId, notificationId, tenant, recipient, atMs, duplicateOf: null, summary: null, traceparent }
}
