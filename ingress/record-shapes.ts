/** Notifications and batches as they are shown. A test holds these to what is answered. */
import { z } from '@hono/zod-openapi'
import { notificationStatuses } from '../schemas/record.js'
import { lanes } from '../schemas/streams.js'

const time = z.iso.datetime()

const attempt = z
  .strictObject({
    number: z.int().openapi({ description: '1 for the first call.' }),
    at: time,
    outcome: z
      .string()
      .openapi({ description: 'sent, delivered, transient, permanent, rate-limited, recipient or unknown.' }),
    error: z.string().optional(),
    latencyMs: z.number(),
    providerMessageId: z.string().optional().openapi({ description: "The provider's own id of the message." }),
  })
  .openapi('Attempt')

const delivery = z
  .strictObject({
    id: z.string().openapi({ description: "Also the provider's idempotency key." }),
    channel: z.string(),
    provider: z.string().optional(),
    status: z.enum([
      'queued',
      'scheduled',
      'sending',
      'sent',
      'delivered',
      'simulated',
      'failed',
      'expired',
      'cancelled',
      'suppressed',
    ]),
    attempts: z.array(attempt),
  })
  .openapi('Delivery')

const timelineEntry = z
  .strictObject({
    at: time,
    stage: z.string().openapi({ description: 'ingress, dedupe, enrich-template, route, throttle, deliver or record.' }),
    event: z.string(),
    channel: z.string().optional(),
    reason: z.string().optional().openapi({ description: 'Stable code of why.' }),
    detail: z.string().optional(),
    count: z.int().optional().openapi({ description: 'How many equal decisions in a row this entry stands for.' }),
  })
  .openapi('TimelineEntry')

/** Every public status. */
export const notificationStatus = z.enum(notificationStatuses).openapi('NotificationStatus')

const example = {
  id: '01943b2e-7c3a-7d10-9a55-3f1f6f0c2b11',
  status: 'sent',
  recipient: 'user-42',
  channels: ['email'],
  priority: 'high',
  createdAt: '2030-01-31T09:00:00.000Z',
  updatedAt: '2030-01-31T09:00:00.045Z',
  deliveries: [
    {
      id: '01943b2e-7c3a-7d10-9a55-3f1f6f0c2b11-email',
      channel: 'email',
      provider: 'smtp',
      status: 'sent',
      attempts: [{ number: 1, at: '2030-01-31T09:00:00.012Z', outcome: 'sent', latencyMs: 33 }],
    },
  ],
  timeline: [
    { at: '2030-01-31T09:00:00.000Z', stage: 'ingress', event: 'accepted' },
    { at: '2030-01-31T09:00:00.045Z', stage: 'deliver', event: 'attempted', channel: 'email' },
  ],
}

/** One notification. */
export const notificationShape = z
  .strictObject({
    id: z.string(),
    status: notificationStatus,
    recipient: z.string(),
    channels: z.array(z.string()),
    template: z.strictObject({ id: z.string(), version: z.int() }).optional(),
    priority: z.enum(lanes),
    sendAt: time.optional(),
    createdAt: time,
    updatedAt: time,
    duplicateOf: z.string().optional().openapi({ description: 'The notification this one repeats.' }),
    batchId: z.string().optional(),
    correlationId: z.string().optional(),
    metadata: z.unknown().optional(),
    origin: z.string().optional(),
    partial: z.literal(true).optional().openapi({ description: 'One delivery got through, and another failed.' }),
    deliveries: z.array(delivery),
    timeline: z.array(timelineEntry),
  })
  .openapi('Notification', { example })

/** A batch in numbers. */
export const batchShape = z
  .strictObject({
    batchId: z.string(),
    total: z.int(),
    createdAt: time,
    counts: z.partialRecord(notificationStatus, z.int()).openapi({ description: 'How many have each status.' }),
  })
  .openapi('Batch')
