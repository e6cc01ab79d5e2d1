/** What POST /v1/notifications takes. Strict: what is not known here is an error. */
import { z } from '@hono/zod-openapi'
import { parseDuration } from '../../schemas/duration.js'
import type { Address } from '../../schemas/events.js'
import { maxIdBytes } from '../../schemas/ids.js'
import { maxWaits } from '../../schemas/retry-rules.js'
import { channels, lanes } from '../../schemas/streams.js'
import { channelContent, jsonObject } from './channel-content.js'
import { addressText, identifier, shortText } from './identifier.js'

/** Recipients of one request, and notifications of one batch. */
export const maxFanOut = 1000
/** Bytes of `data` as JSON. */
export const maxDataBytes = 64 * 1024
/** Bytes of `metadata` as JSON. */
export const maxMetadataBytes = 4 * 1024
/** Bytes of a device token or URL, which may be longer than an id. */
const maxLongAddressBytes = 2048
/** Characters of a duration. */
const durationLengthMax = 32
const dedupeWindowMinMs = 1000
const dedupeWindowMaxMs = 30 * 24 * 60 * 60 * 1000

/** A point in time: RFC 3339 with an offset. */
export const instant = z.iso.datetime({ offset: true }).openapi({ example: '2030-01-31T09:00:00+01:00' })

const longAddress = shortText(maxLongAddressBytes)
const addresses = z
  .strictObject({
    id: identifier.optional(),
    email: addressText.optional(),
    phone: addressText.optional().openapi({ description: 'E.164: `+4915112345678`.' }),
    device: longAddress.optional().openapi({ description: 'The push token of one device.' }),
    webhook: longAddress.optional().openapi({ description: 'The http or https URL that takes it.' }),
    slack: longAddress.optional().openapi({ description: 'A channel, a user id, or an incoming webhook.' }),
  })
  .refine((to) => Object.keys(to).length > 0, 'Needs one of id, email, phone, device, webhook, slack.')
  .refine(
    (to) => Buffer.byteLength(recipientKeyOf(to)) <= maxIdBytes,
    `Needs an id beside an address longer than ${maxIdBytes} bytes.`,
  )
  .openapi('Addresses')
/** Where one recipient can be reached. */
export type Addresses = { readonly [K in keyof Address]?: string | undefined }

/** What a recipient is known by: the id, or the first address there is. */
export function recipientKeyOf(to: { readonly [K in keyof Address]?: string | null | undefined }): string {
  return to.id ?? to.email ?? to.phone ?? to.device ?? to.webhook ?? to.slack ?? ''
}

const recipient = z.union([identifier, addresses]).openapi({ description: 'An id, or where to reach the recipient.' })

const content = z
  .union([
    z
      .strictObject({ subject: z.string().min(1).optional(), body: z.string().min(1) })
      .openapi({ description: 'For any channel.' }),
    channelContent,
  ])
  .openapi({ description: 'What is said: literal, never a template. Beside a template it is the fallback.' })

const template = z.union([identifier, z.strictObject({ id: identifier })]).openapi({
  description: 'A template by its id. Its version is pinned when the notification is accepted.',
})

const dedupe = z
  .strictObject({
    key: identifier.optional(),
    by: z.literal('content').optional(),
    windowMs: z.int().min(dedupeWindowMinMs).max(dedupeWindowMaxMs).optional().openapi({
      description: 'How long a twin is recognised; 3 hours unless the configuration says otherwise.',
    }),
  })
  .refine(({ key, by }) => (key === undefined) !== (by === undefined), 'Needs either key or by.')
  .openapi({ description: 'Tells a twin for the same recipient once within the window: by a key, or by its content.' })

const duration = z
  .union([z.string().max(durationLengthMax), z.number()])
  .transform((value, { addIssue }) => {
    const ms = parseDuration(value)
    if (ms === null)
      addIssue({ code: 'custom', message: 'Must be a duration like 30s, 5m or 2d, or whole milliseconds.' })
    return ms ?? 0
  })
  .openapi({
    type: ['string', 'integer'],
    pattern: '^[0-9]+(ms|s|m|h|d)$',
    minimum: 0,
    description: 'A whole number and its unit, ms, s, m, h or d; a bare number counts milliseconds.',
    example: '30s',
  })

const retry = z
  .strictObject({
    schedule: z
      .array(duration)
      .min(1)
      .max(maxWaits)
      .optional()
      .openapi({
        description:
          'The waits between the calls, none shorter than the one before; the last one repeats. Each is up to 20 % shorter or longer.',
        example: ['5s', '1m', '10m'],
      }),
    giveUpAfter: duration.optional().openapi({
      description:
        'How long after the first call, or after its provider was first found to be down, a delivery is given up.',
      example: '2h',
    }),
  })
  .refine(
    ({ schedule, giveUpAfter }) => schedule !== undefined || giveUpAfter !== undefined,
    'Needs schedule or giveUpAfter.',
  )
  .openapi('Retry', {
    description:
      'When its deliveries are tried again; what is left out is as configured for their channels. The operator sets bounds: unless said, no wait shorter than 1 s, and 7 days at most. Of very many calls the later ones are spread over the time that is left.',
  })

const fields = {
  channels: z.array(z.enum(channels)).min(1).max(channels.length).optional().openapi({
    description:
      'Left out: those of the template, or of the content, or of the addresses given, or of the known recipient, else inapp.',
  }),
  template: template.optional(),
  content: content.optional(),
  data: jsonObject
    .optional()
    .openapi({ description: `The template's variables: ${maxDataBytes} bytes at most as JSON.` }),
  priority: z.enum(lanes).optional().openapi({ description: 'normal unless said.' }),
  sendAt: instant.optional().openapi({ description: 'Not before. Past means now.' }),
  expiresAt: instant.optional().openapi({ description: 'Not after.' }),
  dedupe: dedupe.optional(),
  retry: retry.optional(),
  metadata: jsonObject
    .optional()
    .openapi({ description: `Given back as it is: ${maxMetadataBytes} bytes at most as JSON.` }),
}

function saysSomething(request: { template?: unknown; content?: unknown }): boolean {
  return request.template !== undefined || request.content !== undefined
}
const saysNothing = { error: 'Needs a template or content.', path: ['content'] }

/** One notification of a batch: for one recipient. */
export const batchItem = z
  .strictObject({ to: recipient, ...fields })
  .refine(saysSomething, saysNothing)
  .openapi('BatchItem')
export type BatchItem = z.infer<typeof batchItem>

/** A request for one recipient or many. */
export const notificationRequest = z
  .strictObject({
    to: z.union([identifier, addresses, z.array(recipient).min(1).max(maxFanOut)]).openapi({
      description: `An id, addresses, or 1 to ${maxFanOut} of them: then all are accepted or none is.`,
    }),
    ...fields,
    idempotencyKey: identifier.optional().openapi({ description: 'The same as the header Idempotency-Key.' }),
  })
  .refine(saysSomething, saysNothing)
  .openapi('NotificationRequest', {
    example: {
      to: { id: 'user-42', email: 'ada@example.com' },
      content: { email: { subject: 'Your order is on its way', text: 'It should arrive on Friday.' } },
      priority: 'high',
    },
  })
export type NotificationRequest = z.infer<typeof notificationRequest>

const size = { min: 1, max: maxFanOut }

/** A batch as it is documented: its items are checked one by one, so that a bad one rejects only itself. */
export const batchRequest = z
  .strictObject({
    notifications: z.array(batchItem).min(size.min).max(size.max),
    idempotencyKey: identifier.optional(),
  })
  .openapi('BatchRequest')

/** A batch before its items are checked. */
export const batchEnvelope = z.strictObject({
  notifications: z.array(z.unknown()).min(size.min).max(size.max),
  idempotencyKey: identifier.optional(),
})
