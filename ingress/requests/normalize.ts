/** From a request that has the right form to the events of the pipeline. Pure: time, ids and templates are given.
 *
 *  Invariant: whatever is accepted here is a valid event; whatever is not is told by field. */
import type {
  Address,
  DedupeRequest,
  Message,
  NotificationRequested,
  RetryRequest,
  TemplateReference,
} from '../../schemas/events.js'
import { giveUpFault, type RetryBounds, scheduleFault } from '../../schemas/retry-rules.js'
import type { TemplateVersion } from '../../schemas/template.js'
import type { FieldError } from '../problem.js'
import { firstNamings } from '../repeated-recipients.js'
import { type JsonObject, messagesOf, plainMessage } from './channel-content.js'
import { jsonHash } from './json-text.js'
import {
  type Addresses,
  type BatchItem,
  maxDataBytes,
  maxMetadataBytes,
  type NotificationRequest,
  recipientKeyOf,
} from './notification-request.js'

/** What a request does not say itself. */
export interface RequestContext {
  readonly tenant: string
  readonly nowMs: number
  readonly newId: () => string
  readonly correlationId: string
  readonly traceparent: string | null
  /** The batch that all of it belongs to. */
  readonly batchId: string | null
  /** How long a duplicate is recognised where the request does not say. */
  readonly dedupeWindowMs: number
  /** What a request may ask of retries. */
  readonly retryBounds: RetryBounds
  /** The templates that are named, by id; one not in here is unknown. */
  readonly templates: ReadonlyMap<string, TemplateVersion>
}

export type Normalized =
  | {
      readonly ok: true
      readonly notifications: readonly NotificationRequested[]
      /** For each recipient named, in their order. */
      readonly named: readonly Named[]
    }
  | { readonly ok: false; readonly errors: readonly FieldError[] }

/** Which notification a recipient gets. */
export interface Named {
  readonly id: string
  /** It is that of an earlier one of the request, who is the same recipient. */
  readonly repeated?: true
}

type Request = Omit<NotificationRequest, 'idempotencyKey'> | BatchItem

/** The events of a request: one for each recipient, in their order; one for who is named several times. */
export function normalize(request: Request, context: RequestContext): Normalized {
  const errors: FieldError[] = []
  const shared = sharedOf(request, context, errors)
  if (errors.length > 0) return { ok: false, errors }
  const recipients = Array.isArray(request.to) ? request.to : [request.to]
  const notifications: NotificationRequested[] = []
  const named: Named[] = []
  for (const [index, first] of firstNamings(recipients).entries()) {
    const earlier = first < index ? named[first] : undefined
    const to = recipients[index]
    if (earlier) named.push({ id: earlier.id, repeated: true })
    else if (to !== undefined) {
      const notification = { id: context.newId(), ...shared, ...recipientOf(to) }
      notifications.push(notification)
      named.push({ id: notification.id })
    }
  }
  return { ok: true, notifications, named }
}

/** The template that a request names. */
export function templateIdOf({ template }: Pick<Request, 'template'>): string | undefined {
  return typeof template === 'object' ? template.id : template
}

type Shared = Omit<NotificationRequested, 'id' | 'recipient' | 'to'>

/** The origin of what comes by Carillon's own API. */
export const nativeOrigin = 'native'

function sharedOf(request: Request, context: RequestContext, errors: FieldError[]): Shared {
  const { tenant, nowMs, correlationId, traceparent, batchId } = context
  const template = templateOf(request, context, errors)
  const content = contentMessages(request.content)
  const channels = request.channels ? [...new Set(request.channels)] : null
  return {
    tenant,
    nonce: '',
    channels,
    template,
    content,
    data: boundedJson('data', request.data, maxDataBytes, errors),
    priority: request.priority ?? 'normal',
    ...timesOf(request, nowMs, errors),
    retry: request.retry ? retryOf(request.retry, context.retryBounds, errors) : null,
    dedupe: request.dedupe
      ? dedupeOf(request.dedupe, { channels, template, content, data: request.data ?? {} }, context.dedupeWindowMs)
      : null,
    metadata: boundedJson('metadata', request.metadata, maxMetadataBytes, errors),
    batchId,
    correlationId,
    traceparent,
    origin: nativeOrigin,
    acceptedAtMs: nowMs,
    replays: 0,
  }
}

function recipientOf(to: string | Addresses): Pick<NotificationRequested, 'recipient' | 'to'> {
  if (typeof to === 'string') return { recipient: to, to: { ...nowhere, id: to } }
  const { id = null, email = null, phone = null, device = null, webhook = null, slack = null } = to
  return { recipient: recipientKeyOf(to), to: { id, email, phone, device, webhook, slack } }
}

const nowhere: Address = { id: null, email: null, phone: null, device: null, webhook: null, slack: null }

function templateOf(request: Request, { templates }: RequestContext, errors: FieldError[]): TemplateReference | null {
  const id = templateIdOf(request)
  if (id === undefined) return null
  const template = templates.get(id)
  if (template) return { id, version: template.version }
  errors.push({ path: 'template', message: 'There is no template with this id.' })
  return null
}

function contentMessages(content: Request['content']): Readonly<Record<string, Message>> | null {
  if (content === undefined) return null
  return 'body' in content ? { '*': plainMessage(content.subject, content.body) } : messagesOf(content)
}

/** The JSON of a bounded field; that of an empty object where it is not given. */
export function boundedJson(
  path: string,
  value: JsonObject | undefined,
  maxBytes: number,
  errors: FieldError[],
): string {
  if (value === undefined) return '{}'
  const json = JSON.stringify(value)
  if (json.length * 3 > maxBytes && Buffer.byteLength(json) > maxBytes) {
    errors.push({ path, message: `Must be at most ${maxBytes} bytes as JSON.` })
  }
  return json
}

function timesOf(
  { sendAt, expiresAt }: Request,
  nowMs: number,
  errors: FieldError[],
): Pick<NotificationRequested, 'sendAtMs' | 'expiresAtMs'> {
  const sendAtMs = sendAt === undefined ? nowMs : Math.max(nowMs, Date.parse(sendAt))
  const expiresAtMs = expiresAt === undefined ? null : Date.parse(expiresAt)
  if (expiresAtMs !== null && expiresAtMs <= nowMs) {
    errors.push({ path: 'expiresAt', message: 'Must be in the future.' })
  } else if (expiresAtMs !== null && expiresAtMs <= sendAtMs) {
    errors.push({ path: 'expiresAt', message: 'Must be after sendAt.' })
  }
  return { sendAtMs: sendAtMs > nowMs ? sendAtMs : null, expiresAtMs }
}

function retryOf(
  { schedule, giveUpAfter }: NonNullable<Request['retry']>,
  bounds: RetryBounds,
  errors: FieldError[],
): RetryRequest {
  const faults = {
    schedule: schedule === undefined ? null : scheduleFault(schedule, bounds),
    giveUpAfter: giveUpAfter === undefined ? null : giveUpFault(giveUpAfter, bounds),
  }
  for (const [field, fault] of Object.entries(faults)) {
    if (fault !== null) errors.push({ path: `retry.${field}`, message: sentence(fault) })
  }
  return { scheduleMs: schedule ?? null, giveUpAfterMs: giveUpAfter ?? null }
}

function sentence(fault: string): string {
  return `${fault.charAt(0).toUpperCase()}${fault.slice(1)}.`
}

function dedupeOf({ key, windowMs }: NonNullable<Request['dedupe']>, said: unknown, defaultMs: number): DedupeRequest {
  return { key: key ?? jsonHash(said), windowMs: windowMs ?? defaultMs }
}
