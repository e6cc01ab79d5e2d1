/** What contract C takes, and the event that comes of it. */

import { createHash } from 'node:crypto'
import { z } from '@hono/zod-openapi'
import { codePoints, isE164, isMailbox } from '../../schemas/addresses.js'
import type { NotificationRequested } from '../../schemas/events.js'
import { maxIdBytes } from '../../schemas/ids.js'
import { lanes } from '../../schemas/streams.js'
import type { TemplateVersion } from '../../schemas/template.js'
import type { IngressContext } from '../endpoint.js'
import type { IngressPorts } from '../ports.js'
import type { FieldError } from '../problem.js'
import { jsonObject, plainMessage } from '../requests/channel-content.js'
import { identifier, shortText } from '../requests/identifier.js'
import { boundedJson } from '../requests/normalize.js'
import { instant, maxDataBytes } from '../requests/notification-request.js'
import {
  acceptedOfC,
  type ChannelOfC,
  channelsOfC,
  type NotificationOfC,
  rfc3339,
  type ToldC,
} from './c-notification.js'
import { optional } from './c-parts.js'
import { newNotification } from './new-notification.js'

/** Bytes of a recipient: push tokens are long. */
const maxRecipientBytes = 2048
/** Characters of content: code points, whatever the segments or bytes. */
const maxContent: Readonly<Record<ChannelOfC, number>> = { sms: 160, email: 10_000, push: 4096 }

/** One notification. */
export const requestOfC = z
  .object({
    channel: z.enum(channelsOfC),
    recipient: shortText(maxRecipientBytes),
    content: z.string().nullish(),
    priority: optional(z.enum(lanes)),
    scheduled_at: optional(instant),
    idempotency_key: optional(identifier),
    template_id: optional(identifier),
    template_variables: jsonObject.nullish(),
  })
  .superRefine((request, context) => {
    for (const [path, message] of faultsOf(request)) context.addIssue({ code: 'custom', path: [path], message })
  })
  .openapi('ServiceRequest', {
    example: { channel: 'sms', recipient: '+4915112345678', content: 'Your code is 4711.', priority: 'high' },
  })
export type RequestOfC = z.output<typeof requestOfC>

function* faultsOf(request: FieldsOfC): Iterable<readonly [path: string, message: string]> {
  const { channel, recipient, content, template_id, template_variables } = request
  if (channel === 'sms' && !isE164(recipient)) {
    yield ['recipient', 'Must be a phone number in E.164 format, such as +4915112345678.']
  }
  if (channel === 'email' && !isMailbox(recipient)) yield ['recipient', 'Must be an e-mail address.']
  if (!content && template_id === undefined) yield ['content', 'Required, where there is no template_id.']
  const most = maxContent[channel]
  if (content && content.length > most && codePoints(content) > most) {
    yield ['content', `Must be at most ${most} characters.`]
  }
  const errors: FieldError[] = []
  boundedJson('template_variables', template_variables ?? undefined, maxDataBytes, errors)
  for (const { path, message } of errors) yield [path, message]
}

type FieldsOfC = Pick<RequestOfC, 'channel' | 'recipient' | 'content' | 'template_id' | 'template_variables'>

/** What a request comes to: the event, and the notification that is answered. */
export interface PreparedOfC {
  readonly event: NotificationRequested
  readonly shown: NotificationOfC
  /** The key that it is accepted once for; null: none. */
  readonly key: string | null
}

/** `template`: the one that it names, of its channel. */
export function prepared(
  c: IngressContext,
  ports: Pick<IngressPorts, 'newId' | 'nowMs'>,
  request: RequestOfC,
  template: TemplateVersion | undefined,
  batchId: string | null,
): PreparedOfC {
  const { channel, recipient, content, priority = 'normal', scheduled_at, template_variables } = request
  const sendAtMs = scheduled_at === undefined ? null : Date.parse(scheduled_at)
  const isDue = sendAtMs === null || sendAtMs <= ports.nowMs()
  const isLong = Buffer.byteLength(recipient) > maxIdBytes
  const told: ToldC = {
    ...(isLong && { recipient }),
    content: content ?? '',
    ...(template_variables && { templateVariables: template_variables }),
    ...(isDue && sendAtMs !== null && { scheduledAt: rfc3339(sendAtMs) }),
  }
  const event = newNotification(c, ports, 'c', {
    recipient: { ...addressIn(channel, recipient), ...(isLong && { id: hashed(recipient) }) },
    channel,
    content: content ? plainMessage(undefined, content) : null,
    template: template ? { id: template.id, version: template.version } : null,
    data: template_variables ? JSON.stringify(template_variables) : '{}',
    priority,
    sendAtMs: isDue ? null : sendAtMs,
    batchId,
    metadata: { ...told },
  })
  return { event, shown: acceptedOfC(event, told), key: request.idempotency_key ?? null }
}

function addressIn(channel: ChannelOfC, recipient: string) {
  switch (channel) {
    case 'sms':
      return { phone: recipient }
    case 'email':
      return { email: recipient }
    case 'push':
      return { device: recipient }
  }
}

/** A name for a recipient whose address is too long to be one. */
function hashed(recipient: string): string {
  return `sha256:${createHash('sha256').update(recipient).digest('base64url')}`
}
