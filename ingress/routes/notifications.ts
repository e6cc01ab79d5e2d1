/** POST /v1/notifications. */
import { z } from '@hono/zod-openapi'
import { type IngressApp, serveEndpoint } from '../endpoint.js'
import type { IngressOptions } from '../options.js'
import type { IngressPorts } from '../ports.js'
import { invalid } from '../problem.js'
import { accept, batchLocation, notificationLocation } from '../requests/acceptance.js'
import { normalize } from '../requests/normalize.js'
import { notificationRequest } from '../requests/notification-request.js'
import { requestContext } from '../requests/request-context.js'

/** Headers of whatever is accepted once for a key. */
export const idempotencyHeaders = z.object({
  'Idempotency-Key': z.string().max(256).optional().openapi({
    description: 'Repeats with the same key and body get the first answer again, for 24 hours.',
  }),
  traceparent: z.string().optional().openapi({ description: 'W3C trace context, carried along.' }),
})
/** Headers of its answer. */
export const acceptedHeaders = z.object({
  Location: z.string(),
  'Idempotency-Replayed': z.literal('true').optional(),
})

const acceptedOne = z
  .strictObject({ id: z.string(), status: z.literal('accepted'), recipient: z.string(), createdAt: z.string() })
  .openapi('Accepted', {
    example: {
      id: '01943b2e-7c3a-7d10-9a55-3f1f6f0c2b11',
      status: 'accepted',
      recipient: 'user-42',
      createdAt: '2030-01-31T09:00:00.000Z',
    },
  })
const acceptedMany = z
  .strictObject({
    batchId: z.string(),
    notifications: z.array(z.strictObject({ id: z.string(), repeated: z.literal(true).optional() })).openapi({
      description:
        'In the order of the recipients. One who is named again is told once: the repeat has the id of the first.',
    }),
  })
  .openapi('AcceptedMany')

export function notificationRoutes(app: IngressApp, ports: IngressPorts, options: IngressOptions): void {
  serveEndpoint(
    app,
    {
      method: 'post',
      path: '/v1/notifications',
      tag: 'Notifications',
      summary: 'Send a notification',
      description: 'To one recipient or up to 1,000. 202 is answered once it is durable: nothing accepted is lost.',
      headers: idempotencyHeaders,
      body: { schema: notificationRequest },
      answers: {
        202: {
          description: 'Accepted. An array of recipients makes a batch.',
          schema: z.union([acceptedOne, acceptedMany]),
          headers: acceptedHeaders,
        },
      },
      problems: [409, 422, 503, 507],
    },
    ({ c, body: request }) =>
      accept(c, ports, request, async () => {
        const batchId = Array.isArray(request.to) ? ports.newId() : null
        const normalized = normalize(request, await requestContext(c, ports, options, [request], batchId))
        if (!normalized.ok) throw invalid(normalized.errors)
        const { notifications, named } = normalized
        if (batchId !== null) {
          const answer = { batchId, notifications: named }
          return { notifications, location: batchLocation(batchId), answer }
        }
        const [first] = notifications
        if (!first) throw new Error('A request for one recipient made no notification.')
        const { id, recipient, acceptedAtMs } = first
        const answer = { id, status: 'accepted', recipient, createdAt: new Date(acceptedAtMs).toISOString() }
        return { notifications, location: notificationLocation(id), answer }
      }),
  )
}
