/** The event of what a contract was asked: one channel, one recipient. */
import type { Address, Message, NotificationRequested, Priority, TemplateReference } from '../../schemas/events.js'
import type { Channel } from '../../schemas/streams.js'
import { tenant } from '../../schemas/tenant.js'
import type { IngressContext } from '../endpoint.js'
import type { IngressPorts } from '../ports.js'
import { recipientKeyOf } from '../requests/notification-request.js'

/** What differs from one notification to the next. */
export interface Asked {
  readonly recipient: Partial<Address>
  readonly channel: Channel
  readonly content: Message | null
  readonly template?: TemplateReference | null
  /** The template's variables, JSON. */
  readonly data?: string
  readonly priority?: Priority
  /** Not before, in milliseconds since the epoch. */
  readonly sendAtMs?: number | null
  readonly batchId?: string | null
  /** What the contract shows of it again. */
  readonly metadata?: Readonly<Record<string, unknown>>
}

/** `origin`: the contract, whose rules hold for it from now on. */
export function newNotification(
  c: IngressContext,
  { newId, nowMs }: Pick<IngressPorts, 'newId' | 'nowMs'>,
  origin: 'a' | 'b' | 'c',
  asked: Asked,
): NotificationRequested {
  const { recipient: to, channel, content, template = null, data = '{}', metadata = {} } = asked
  const { priority = 'normal', sendAtMs = null, batchId = null } = asked
  return {
    id: newId(),
    tenant,
    nonce: '',
    recipient: recipientKeyOf(to),
    to: { id: null, email: null, phone: null, device: null, webhook: null, slack: null, ...to },
    channels: [channel],
    template,
    content: content && { '*': content },
    data,
    priority,
    sendAtMs,
    expiresAtMs: null,
    retry: null,
    dedupe: null,
    metadata: JSON.stringify(metadata),
    batchId,
    correlationId: c.get('correlationId'),
    traceparent: c.get('traceparent'),
    origin,
    acceptedAtMs: nowMs(),
    replays: 0,
  }
}
