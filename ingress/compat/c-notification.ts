/** A notification as contract C shows it, made from the record. What the contract was told and Carillon has no use for
 *  rides along as metadata. */
import { z } from '@hono/zod-openapi'
import type { NotificationRequested } from '../../schemas/events.js'
import type { AttemptRecord, NotificationRecord } from '../../schemas/record.js'
import { lanes } from '../../schemas/streams.js'
import { jsonObject } from '../requests/channel-content.js'
import { statusesOfC, statusOfC, statusOfRecord } from './c-status.js'

export const channelsOfC = ['sms', 'email', 'push'] as const
export type ChannelOfC = (typeof channelsOfC)[number]

/** Calls after the first one, by priority. */
const maxRetries = { high: 5, normal: 3, low: 2 } as const

const time = z.string()

/** A notification of contract C. */
export const notificationOfC = z
  .object({
    id: z.string(),
    batch_id: z.string().nullable(),
    channel: z.enum(channelsOfC),
    recipient: z.string(),
    content: z.string(),
    priority: z.enum(lanes),
    status: z.enum(statusesOfC),
    scheduled_at: time.nullable(),
    sent_at: time.nullable(),
    failed_at: time.nullable(),
    error_message: z.string().nullable(),
    retry_count: z.int(),
    max_retries: z.int(),
    provider_message_id: z.string().nullable(),
    template_id: z.string().nullable(),
    template_variables: jsonObject.nullable(),
    created_at: time,
    updated_at: time,
  })
  .openapi('ServiceNotification')
export type NotificationOfC = z.infer<typeof notificationOfC>

/** What rides along. */
export interface ToldC {
  /** As it was given; left out where it is the record's recipient. */
  readonly recipient?: string
  readonly content: string
  readonly templateVariables?: Readonly<Record<string, unknown>>
  /** Where it was past already, and so is no sendAt. */
  readonly scheduledAt?: string
}

/** The notification just accepted. */
export function acceptedOfC(request: NotificationRequested, told: ToldC): NotificationOfC {
  const { id, batchId, channels, recipient, priority, sendAtMs, template, acceptedAtMs } = request
  const createdAt = rfc3339(acceptedAtMs)
  return {
    id,
    batch_id: batchId,
    channel: channels?.[0] as ChannelOfC,
    recipient: told.recipient ?? recipient,
    content: told.content,
    priority,
    status: 'pending',
    scheduled_at: sendAtMs === null ? (told.scheduledAt ?? null) : rfc3339(sendAtMs),
    ...notTriedYet,
    max_retries: maxRetries[priority],
    template_id: template?.id ?? null,
    template_variables: told.templateVariables ?? null,
    created_at: createdAt,
    updated_at: createdAt,
  }
}

const notTriedYet = {
  sent_at: null,
  failed_at: null,
  error_message: null,
  retry_count: 0,
  provider_message_id: null,
} as const

/** The notification as it stands. */
export function shownByC(record: NotificationRecord): NotificationOfC {
  const { id, batchId, channels, recipient, priority, sendAt, template, createdAt, updatedAt } = record
  const told = (record.metadata ?? {}) as Partial<ToldC>
  const status = statusOfRecord(record)
  const attempts = record.deliveries[0]?.attempts ?? []
  const last = attempts.at(-1)
  return {
    id,
    batch_id: batchId ?? null,
    channel: channels[0] as ChannelOfC,
    recipient: told.recipient ?? recipient,
    content: told.content ?? '',
    priority,
    status,
    scheduled_at: sendAt ?? told.scheduledAt ?? null,
    sent_at: status === 'delivered' ? (last ? answeredAt(last) : updatedAt) : null,
    failed_at: status === 'failed' ? (last ? answeredAt(last) : updatedAt) : null,
    error_message: status === 'delivered' || status === 'cancelled' ? null : (last?.error ?? reasonOf(record)),
    retry_count: Math.max(0, attempts.length - 1),
    max_retries: maxRetries[priority],
    provider_message_id: last?.providerMessageId ?? null,
    template_id: template?.id ?? null,
    template_variables: told.templateVariables ?? null,
    created_at: createdAt,
    updated_at: updatedAt,
  }
}

function answeredAt({ at, latencyMs }: AttemptRecord): string {
  return rfc3339(Date.parse(at) + latencyMs)
}

/** Why it failed without a call; null for one that has not failed. */
function reasonOf({ status, timeline }: NotificationRecord): string | null {
  if (statusOfC(status) !== 'failed') return null
  const said = timeline.findLast(({ reason, detail }) => reason !== undefined || detail !== undefined)
  return said?.detail ?? said?.reason ?? status
}

/** With milliseconds and Z. */
export function rfc3339(ms: number): string {
  return new Date(ms).toISOString()
}
