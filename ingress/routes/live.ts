/** /v1/events and /v1/ws: status changes as they happen. */
import { z } from '@hono/zod-openapi'
import { notificationStatuses } from '../../schemas/record.js'
import { tenant } from '../../schemas/tenant.js'
import { type IngressApp, serveEndpoint } from '../endpoint.js'
import { eventFrame, openEventStream } from '../live/event-stream.js'
import { oncePerChange } from '../live/live.js'
import { type StatusSocketParts, serveStatusSocket, socketRules } from '../live/status-socket.js'
import { openStatusStream, type StatusChange } from '../live/status-stream.js'
import { identifier } from '../requests/identifier.js'

const statusChange = z
  .strictObject({
    id: z.string(),
    status: z.enum(notificationStatuses),
    at: z.string().openapi({ description: 'When it changed, RFC 3339.' }),
  })
  .openapi('StatusChange')
type StatusChangeShape = z.infer<typeof statusChange>

const interest = z.strictObject({
  notification: identifier
    .optional()
    .openapi({ description: 'Only of this one. The stream begins with its status as it is now, where it is known.' }),
  recipient: identifier.optional().openapi({ description: 'Only of this recipient.' }),
})

const promise =
  'From the moment on that the answer begins each change is told, in order for each notification, now and then one ' +
  'twice. What happens while a client is not connected is not told later: it names the notification in the query, and ' +
  'the stream begins with its status. A client that reads too slowly is disconnected.'

/** GET /v1/events and GET /v1/ws. */
export function liveRoutes(app: IngressApp, parts: StatusSocketParts): void {
  const { live, records } = parts
  const asEvent = oncePerChange((change: StatusChange) => eventFrame('status', shapeOf(change)))
  const asMessage = oncePerChange((change: StatusChange) => Buffer.from(JSON.stringify(shapeOf(change))))

  serveEndpoint(
    app,
    {
      method: 'get',
      path: '/v1/events',
      tag: 'Live updates',
      summary: 'Status changes as server-sent events',
      description: `${promise} Each is an event \`status\`, its data a StatusChange. Every 15 s comes a comment.`,
      query: interest,
      answers: {
        200: {
          description: 'A stream without an end.',
          mediaType: 'text/event-stream',
          schema: z.string().openapi({
            example:
              'event: status\ndata: {"id":"018f3a7e-0000-7000-8000-000000000001","status":"delivered","at":"2030-01-01T00:00:00.000Z"}\n\n',
          }),
        },
      },
      problems: [503],
    },
    async ({ c, query }) => {
      const stream = openEventStream(c, live.places, 'events')
      const reader = { tell: (change: StatusChange) => stream.push(asEvent(change)), missed: () => stream.close() }
      try {
        const told = await openStatusStream({ changes: live.changes, records, tenant }, query, reader)
        if (stream.ended.aborted) told.end()
        else stream.ended.addEventListener('abort', told.end, { once: true })
        await told.begin()
      } catch (error) {
        stream.close()
        throw error
      }
      return stream.response
    },
  )
  serveEndpoint(
    app,
    {
      method: 'get',
      path: '/v1/ws',
      tag: 'Live updates',
      summary: 'Status changes over a WebSocket',
      description: `${promise} Each is a text message, a StatusChange. ${socketRules}`,
      query: interest,
      answers: { 101: { description: 'It is a WebSocket from here on.', schema: statusChange } },
      problems: [400, 403, 503],
    },
    ({ c, query }) => serveStatusSocket(c, parts, query, asMessage),
  )
}

function shapeOf({ id, status, at }: StatusChange): StatusChangeShape {
  return { id, status, at }
}
