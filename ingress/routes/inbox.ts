/** /v1/recipients/{id}/inbox: the in-app messages of a recipient. */
import { z } from '@hono/zod-openapi'
import { answer, type IngressApp, serveEndpoint } from '../endpoint.js'
import { identifier } from '../identifier.js'
import { pageOf, pageQuery } from '../paging.js'
import type { IngressPorts } from '../ports.js'
import { Problem } from '../problem.js'
import { tenant } from '../tenant.js'

const message = z
  .strictObject({
    id: z.string(),
    notificationId: z.string(),
    title: z.string().optional(),
    body: z.string(),
    at: z.string(),
    readAt: z.string().optional(),
  })
  .openapi('InboxMessage')
const page = pageOf(message).extend({ unread: z.int() }).openapi('InboxPage')
const marked = z.strictObject({ id: z.string(), read: z.literal(true) }).openapi('InboxRead')

export function inboxRoutes(app: IngressApp, { inbox, nowMs }: IngressPorts): void {
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
}
