/** /v1/recipients/{id}: what upstream tells about a recipient. */
import { z } from '@hono/zod-openapi'
import { channels } from '../../schemas/streams.js'
import type { KnownRecipient } from '../../schemas/template.js'
import { tenant } from '../../schemas/tenant.js'
import { answer, type IngressApp, serveEndpoint } from '../endpoint.js'
import type { IngressPorts } from '../ports.js'
import { invalid, Problem } from '../problem.js'
import { addressText, identifier, shortText } from '../requests/identifier.js'
import { locale, timeZone } from '../requests/locale.js'

const maxLongAddressBytes = 2048
const maxNameBytes = 256
const maxDevices = 20

const params = z.object({ id: identifier })
const path = '/v1/recipients/{id}'

const fields = {
  name: shortText(maxNameBytes).optional().openapi({ description: 'As other people are shown it.' }),
  email: addressText.optional(),
  phone: addressText.optional().openapi({ description: 'E.164: `+4915112345678`.' }),
  devices: z
    .array(shortText(maxLongAddressBytes))
    .max(maxDevices)
    .optional()
    .openapi({ description: 'Push tokens: each of them gets the push.' }),
  webhook: shortText(maxLongAddressBytes).optional(),
  slack: shortText(maxLongAddressBytes).optional(),
  locale: locale.optional(),
  timeZone: timeZone.optional(),
  preferences: z
    .strictObject({
      channels: z
        .partialRecord(z.enum(channels), z.boolean())
        .optional()
        .openapi({ description: 'False: not wanted. A channel that is not named is wanted.' }),
      muted: z.boolean().optional().openapi({ description: 'True: nothing at all.' }),
    })
    .optional(),
}

const recipientRequest = z.strictObject({ id: identifier.optional(), ...fields }).openapi('RecipientRequest', {
  example: {
    email: 'ada@example.com',
    phone: '+4915112345678',
    locale: 'de-AT',
    timeZone: 'Europe/Vienna',
    preferences: { channels: { sms: false } },
  },
})
const recipientShape = z
  .strictObject({ id: z.string(), ...fields, createdAt: z.string(), updatedAt: z.string() })
  .openapi('Recipient')

export function recipientRoutes(app: IngressApp, { recipients, nowMs }: IngressPorts): void {
  servePut(app, recipients, nowMs)
  serveEndpoint(
    app,
    {
      method: 'get',
      path,
      tag: 'Recipients',
      summary: 'What is known about a recipient',
      params,
      answers: { 200: { description: 'As it was told last.', schema: recipientShape } },
      problems: [404, 503],
    },
    async ({ c, params: { id } }) => {
      const recipient = await recipients.get(tenant, id)
      if (!recipient) throw missing()
      return answer(c, 200, recipient)
    },
  )
  serveEndpoint(
    app,
    {
      method: 'delete',
      path,
      tag: 'Recipients',
      summary: 'Forget a recipient',
      params,
      answers: { 204: { description: 'Forgotten.' } },
      problems: [404, 503, 507],
    },
    async ({ c, params: { id } }) => {
      if (!(await recipients.delete(tenant, id))) throw missing()
      return c.body(null, 204)
    },
  )
}

function servePut(app: IngressApp, recipients: IngressPorts['recipients'], nowMs: () => number): void {
  serveEndpoint(
    app,
    {
      method: 'put',
      path,
      tag: 'Recipients',
      summary: 'Create or replace a recipient',
      description: 'Replaces what was told before.',
      params,
      body: { schema: recipientRequest },
      answers: {
        200: { description: 'Replaced.', schema: recipientShape },
        201: { description: 'New.', schema: recipientShape },
      },
      problems: [503, 507],
    },
    async ({ c, params: { id }, body: { id: named, ...told } }) => {
      if (named !== undefined && named !== id) throw invalid([{ path: 'id', message: 'Must be that of the path.' }])
      const existing = await recipients.get(tenant, id)
      const now = new Date(nowMs()).toISOString()
      // What zod types as perhaps undefined came from JSON, which has no undefined.
      const recipient = { id, ...told, createdAt: existing?.createdAt ?? now, updatedAt: now } as KnownRecipient
      await recipients.put(tenant, recipient)
      return answer(c, existing ? 200 : 201, recipient)
    },
  )
}

function missing(): Problem {
  return new Problem('not-found', 'Nothing is known about this recipient. Notifications to it are fine all the same.')
}
