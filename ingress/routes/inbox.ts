/** /v1/recipients/{id}/inbox: the in-app messages of a recipient. */
import { z } from '@hono/zod-openapi'
import { BadCursor } from '../../schemas/errors.js'
import { tenant } from '../../schemas/tenant.js'
import { answer, type IngressApp, serveEndpoint } from '../endpoint.js'
import { openEventStream } from '../live/event-stream.js'
import { inboxBell, startOfInbox, tellInbox } from '../live/inbox-stream.js'
import type { Live } from '../live/live.js'
import { pageOf, pageQuery } from '../paging.js'
import type { IngressPorts } from '../ports.js'
import { invalid, Problem } from '../problem.js'
import { identifier } from '../requests/identifier.js'

const message = z
  .strictObject({
    id: z.string(),
    notificationId: z.string(),
    title: z.string().optional(),
    body: z.string(),
    at: z.string(),
    readAt: z.string().optional(),
    metadata: z.unknown().optional().openapi({ description: 'As the notification brought it.' }),
  })
  .openapi('InboxMessage')
const page = pageOf(message).extend({ unread: z.int() }).openapi('InboxPage')
const marked = z.strictObject({ id: z.string(), read: z.literal(true) }).openapi('InboxRead')

/** Bytes of a place. */
const maxPlace = 2048
const placeHeader = 'Last-Event-ID'

export function inboxRoutes(app: IngressApp, { inbox, nowMs }: IngressPorts, live: Live): void {
  serveEndpoint(
    app,
    {
      method: 'get',
      path: '/v1/recipients/{id}/inbox',
      tag: 'Inbox',
      summary: "A recipient's messages, newest first",
      params: z.object({ id: identifier }),
      query: pageQuery,
      answers: { 200: { description: 'A page of them, and how many are unread.', schema: page } },
      problems: [503],
    },
    async ({ c, params: { id }, query: { limit, cursor } }) => {
      const { data, nextCursor, unread } = await inbox.list(tenant, id, limit, cursor)
      return answer(c, 200, { data, nextCursor, unread })
    },
  )
  serveEndpoint(
    app,
    {
      method: 'post',
      path: '/v1/recipients/{id}/inbox/{messageId}/read',
      tag: 'Inbox',
      summary: 'Mark a message as read',
      params: z.object({ id: identifier, messageId: identifier }),
      answers: { 200: { description: 'It is read, now or before.', schema: marked } },
      problems: [404, 503, 507],
    },
    async ({ c, params: { id, messageId } }) => {
      if (!(await inbox.markRead(tenant, id, messageId, nowMs()))) {
        throw new Problem('not-found', 'There is no such message in this inbox.')
      }
      return answer(c, 200, { id: messageId, read: true })
    },
  )
  streamRoute(app, inbox, live)
}

function streamRoute(app: IngressApp, inbox: IngressPorts['inbox'], { changes, places }: Live): void {
  serveEndpoint(
    app,
    {
      method: 'get',
      path: '/v1/recipients/{id}/inbox/stream',
      tag: 'Live updates',
      summary: "A recipient's messages as server-sent events",
      description:
        'Each message that comes in is an event `message`, its data an InboxMessage. It goes on exactly after ' +
        'Last-Event-ID, which browsers send when they connect again; without that, only what comes from now on is told. ' +
        'Every 15 s comes a comment.',
      params: z.object({ id: identifier }),
      headers: z.object({
        [placeHeader]: z.string().max(maxPlace).optional().openapi({ description: 'The id of the last event seen.' }),
      }),
      answers: {
        200: {
          description: 'A stream without an end.',
          mediaType: 'text/event-stream',
          schema: z.string().openapi({ example: 'event: message\nid: 42\ndata: {"id":"…","body":"Hello"}\n\n' }),
        },
      },
      problems: [503],
    },
    async ({ c, params: { id: recipient } }) => {
      const address = { tenant, recipient }
      const after = c.req.header(placeHeader) || undefined
      const stream = openEventStream(c, places, 'inbox')
      try {
        const bell = inboxBell(changes, address, stream.ended)
        await bell.ready
        const start = await startOfInbox(inbox, address, after)
        void tellInbox({ inbox, bell }, address, start, stream)
      } catch (error) {
        stream.close()
        throw error instanceof BadCursor ? badPlace() : error
      }
      return stream.response
    },
  )
}

function badPlace(): Problem {
  return invalid([{ path: placeHeader, message: 'Must be the id of an event of this stream.' }])
}
