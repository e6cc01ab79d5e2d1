/** GET /v1/notifications/{id} and GET /v1/notifications. */
import { z } from '@hono/zod-openapi'
import { finalStatuses } from '../../schemas/record.js'
import { channels } from '../../schemas/streams.js'
import { tenant } from '../../schemas/tenant.js'
import { answer, type IngressApp, serveEndpoint } from '../endpoint.js'
import type { IngressOptions } from '../options.js'
import { pageOf, pageQuery } from '../paging.js'
import type { IngressPorts } from '../ports.js'
import { Problem } from '../problem.js'
import { notificationShape, notificationStatus } from '../record-shapes.js'
import type { RecordWaits } from '../record-waits.js'
import { identifier, isFresh } from '../requests/identifier.js'
import { instant } from '../requests/notification-request.js'

const waitMaxMs = 60_000
const waitForm = /^(\d{1,6})(ms|s|m)?$/
const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 }

/** The path of one notification. */
export const notificationParams = z.object({ id: identifier })

const waitQuery = z.strictObject({
  wait: z
    .string()
    .refine((wait) => durationMs(wait) !== null, 'Must be a duration, such as 10s, of 60s at most.')
    .optional()
    .openapi({ description: 'Waits for its end: 60s at most.', example: '10s' }),
})

/** A point in time in a query, where a plus that was not encoded arrives as a space. */
export const queryInstant = z
  .preprocess((value) => (typeof value === 'string' ? value.replace(' ', '+') : value), instant)
  .optional()

const listQuery = pageQuery.extend({
  status: notificationStatus.optional(),
  channel: z.enum(channels).optional(),
  recipient: identifier.optional(),
  from: queryInstant.openapi({ description: 'Accepted at or after.' }),
  to: queryInstant.openapi({ description: 'Accepted before.' }),
})

export function notificationRecordRoutes(
  app: IngressApp,
  ports: IngressPorts,
  waits: RecordWaits,
  options: IngressOptions,
): void {
  serveOne(app, ports, waits, options)
  serveList(app, ports)
}

/** The record; one that is fresh may be yet to come. Throws 404. */
export async function foundRecord(ports: IngressPorts, waits: RecordWaits, id: string, settleWaitMs: number) {
  const timeoutMs = isFresh(id, ports.nowMs()) ? settleWaitMs : 0
  const record = await waits.wait({ tenant, id, timeoutMs, isDone: (found) => found !== undefined })
  if (record) return record
  throw new Problem('not-found', 'There is no notification with this id.')
}

function serveOne(app: IngressApp, ports: IngressPorts, waits: RecordWaits, { settleWaitMs }: IngressOptions): void {
  serveEndpoint(
    app,
    {
      method: 'get',
      path: '/v1/notifications/{id}',
      tag: 'Notifications',
      summary: 'One notification, with every decision about it',
      params: notificationParams,
      query: waitQuery,
      answers: { 200: { description: 'As it stands, or as it ended.', schema: notificationShape } },
      problems: [404, 503],
    },
    async ({ c, params: { id }, query }) => {
      const waitMs = query.wait === undefined ? 0 : (durationMs(query.wait) ?? 0)
      const record = await foundRecord(ports, waits, id, Math.max(settleWaitMs, waitMs))
      if (query.wait === undefined || finalStatuses.has(record.status)) return answer(c, 200, record)
      const ended = await waits.wait({
        tenant,
        id,
        timeoutMs: waitMs,
        isDone: (found) => found !== undefined && finalStatuses.has(found.status),
        signal: c.req.raw.signal,
      })
      return answer(c, 200, ended ?? record)
    },
  )
}

function serveList(app: IngressApp, ports: IngressPorts): void {
  serveEndpoint(
    app,
    {
      method: 'get',
      path: '/v1/notifications',
      tag: 'Notifications',
      summary: 'Notifications, newest first',
      query: listQuery,
      answers: { 200: { description: 'A page of them.', schema: pageOf(notificationShape) } },
      problems: [503],
    },
    async ({ c, query: { from, to, limit, cursor, status, channel, recipient } }) => {
      const page = await ports.records.list({
        tenant,
        limit,
        ...(cursor !== undefined && { cursor }),
        ...(status !== undefined && { statuses: [status] }),
        ...(channel !== undefined && { channel }),
        ...(recipient !== undefined && { recipient }),
        ...(from !== undefined && { fromMs: Date.parse(from) }),
        ...(to !== undefined && { toMs: Date.parse(to) }),
      })
      return answer(c, 200, page)
    },
  )
}

/** A bare number counts seconds. Null for what is no duration or too long. */
function durationMs(text: string): number | null {
  const [, digits, unit = 's'] = waitForm.exec(text) ?? []
  if (digits === undefined) return null
  const ms = Number(digits) * (unitMs[unit] ?? 0)
  return ms <= waitMaxMs ? ms : null
}
