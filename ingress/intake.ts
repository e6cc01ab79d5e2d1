/** Takes in what an upstream wrote to Kafka, by the rules of POST /v1/notifications. Pure: time, templates and the
 *  record's place are given.
 *
 *  Invariant: the same record makes the same id, however often it is read. */
import { z } from '@hono/zod-openapi'
import type { NotificationInbound, NotificationRequested, NotificationSummary } from '../schemas/events.js'
import { type InboundPlace, idFrom, isIdentifier, notificationIdOf } from '../schemas/ids.js'
import type { RetryBounds } from '../schemas/retry-rules.js'
import { channels, lanes } from '../schemas/streams.js'
import type { TemplateVersion } from '../schemas/template.js'
import { tenant } from '../schemas/tenant.js'
import { headerNamed, traceparentIn } from '../schemas/trace-context.js'
import { maxBodyBytes } from './endpoint.js'
import { lossIn } from './json-loss.js'
import type { FieldError } from './problem.js'
import { present } from './requests/channel-content.js'
import { type Checked, check } from './requests/field-errors.js'
import { correlationHeader, correlationIdOf, identifier } from './requests/identifier.js'
import { faultIn, parseJson } from './requests/json-text.js'
import { normalize } from './requests/normalize.js'
import { type BatchItem, batchItem, recipientKeyOf } from './requests/notification-request.js'

/** An event as it stands in the log. */
export interface InboundRecord extends InboundPlace {
  readonly headers: Readonly<Record<string, string>>
}

/** What the event does not say itself. */
export interface IntakeContext {
  readonly nowMs: number
  /** How long a duplicate is recognised where the event does not say. */
  readonly dedupeWindowMs: number
  /** What an event may ask of retries. */
  readonly retryBounds: RetryBounds
  /** The templates that are named, by id; one not in here is unknown. */
  readonly templates: ReadonlyMap<string, TemplateVersion>
}

export type Intake =
  | { readonly kind: 'accepted'; readonly notification: NotificationRequested }
  | { readonly kind: 'rejected'; readonly rejection: Rejection }

/** Why an event is no notification, with as much of it as can be shown. */
export interface Rejection {
  readonly id: string
  readonly summary: NotificationSummary
  readonly errors: readonly FieldError[]
}

/** What the notification comes by, in its record. */
const origin = 'kafka'

const envelope = z.object({
  id: identifier.optional(),
  eventId: identifier.optional(),
  tenant: z.literal(tenant),
})

/** The request that an event makes, as HTTP would take it; or what is wrong, by the paths that HTTP would name. */
export function readInbound(value: NotificationInbound): Checked<BatchItem> {
  const { content, data, metadata } = value
  // Asked before anything is parsed: a record may be larger than a body.
  const bytes = [content ?? '', data, metadata, ...(value.channels ?? [])].reduce((sum, text) => sum + sizeOf(text), 0)
  if (bytes > maxBodyBytes) {
    const message = `content, data and metadata may have ${maxBodyBytes} bytes at most.`
    return { ok: false, errors: [{ path: '', message }] }
  }
  const errors: FieldError[] = []
  const json = (path: string, text: string | null): unknown => {
    if (text === null) return undefined
    const parsed = parseJson(text)
    if (!parsed.ok) errors.push({ path, message: parsed.message })
    if (!parsed.ok || faultIn(parsed.value)) return parsed.ok ? parsed.value : undefined
    const loss = lossIn(text, parsed.value)
    if (loss) errors.push({ path: loss.path === '' ? path : `${path}.${loss.path}`, message: loss.message })
    return parsed.value
  }
  const { id, eventId, to, template, priority, sendAt, expiresAt, dedupe, retry } = value
  const request = {
    ...present({ to: present({ ...to }), channels: value.channels, template, priority, sendAt, expiresAt }),
    ...(dedupe && { dedupe: present({ ...dedupe }) }),
    ...(retry && { retry: present({ ...retry }) }),
    ...{ content: json('content', content), data: json('data', data), metadata: json('metadata', metadata) },
  }
  const outside = check(envelope, present({ id, eventId, tenant: value.tenant }))
  if (!outside.ok) errors.unshift(...outside.errors)
  const fault = faultIn(request)
  if (fault) return { ok: false, errors: [...errors, fault] }
  const checked = check(batchItem, request)
  const told = new Set(errors.map(({ path }) => path))
  if (!checked.ok) errors.push(...checked.errors.filter(({ path }) => !told.has(path)))
  return checked.ok && errors.length === 0 ? checked : { ok: false, errors }
}

/** What becomes of an event. `read`: what `readInbound` says of it. */
export function takeIn(record: InboundRecord, read: Checked<BatchItem>, context: IntakeContext): Intake {
  const id = notificationIdOf(record)
  const correlationId = correlationIdIn(record)
  if (!read.ok) return rejected(record, id, correlationId, read.errors, context)
  const normalized = normalize(read.value, {
    ...context,
    ...{ tenant, newId: () => id, correlationId, batchId: null },
    traceparent: traceparentIn(record.headers),
  })
  if (!normalized.ok) return rejected(record, id, correlationId, normalized.errors, context)
  const [notification] = normalized.notifications
  if (!notification) throw new Error('An event for one recipient made no notification.')
  return { kind: 'accepted', notification: { ...notification, origin, replays: record.value.replays } }
}

/** What is wrong, in one line: each with its path. The first ones, where there are many. */
export function listed(errors: readonly FieldError[]): string {
  const lines = errors.slice(0, maxListed).map(({ path, message }) => (path === '' ? message : `${path}: ${message}`))
  const more = errors.length - lines.length
  return `${lines.join(' ')}${more > 0 ? ` And ${more} more.` : ''}`.slice(0, maxListedCharacters)
}

const maxListed = 20
const maxListedCharacters = 1000

function rejected(
  { value }: InboundRecord,
  id: string,
  correlationId: string,
  errors: readonly FieldError[],
  { nowMs }: IntakeContext,
): Intake {
  const recipient = recipientKeyOf(value.to)
  const summary: NotificationSummary = {
    recipient: isIdentifier(recipient) ? recipient : '',
    channels: channels.filter((channel) => value.channels?.includes(channel)),
    template: null,
    priority: lanes.find((lane) => lane === value.priority) ?? 'normal',
    sendAtMs: null,
    acceptedAtMs: nowMs,
    metadata: '{}',
    batchId: null,
    correlationId,
    origin,
  }
  return { kind: 'rejected', rejection: { id, summary, errors } }
}

function correlationIdIn(record: InboundRecord): string {
  const given = record.value.correlationId ?? headerNamed(record.headers, correlationHeader)
  return correlationIdOf(given, () => idFrom(`correlation/${record.recordId}/${record.timestampMs}`))
}

function sizeOf(text: string): number {
  return Buffer.byteLength(text)
}
