/** Contract C's notifications: sent one by one and in batches, read, listed, cancelled. */
import { z } from '@hono/zod-openapi'
import type { NotificationRecord } from '../../schemas/record.js'
import type { TemplateVersion } from '../../schemas/template.js'
import { answer, type IngressApp } from '../endpoint.js'
import { identifier } from '../identifier.js'
import { fanOutMax } from '../notification-request.js'
import type { IngressOptions } from '../options.js'
import { cursorText } from '../paging.js'
import type { IngressPorts } from '../ports.js'
import { invalid, Problem } from '../problem.js'
import type { RecordWaits } from '../record-waits.js'
import { foundBatch } from '../routes/batches.js'
import { cancelled } from '../routes/cancellation.js'
import { foundRecord, queryInstant } from '../routes/notification-records.js'
import { tenant } from '../tenant.js'
import { acceptOnce, contractKey } from './accept-once.js'
import { acceptBatch, batchOfC } from './c-batch.js'
import { errorsOfC } from './c-errors.js'
import { channelsOfC, notificationOfC, shownByC } from './c-notification.js'
import { optional, pageSize } from './c-query.js'
import { prepared, type RequestOfC, requestOfC } from './c-request.js'
import { statusesCalled, statusesOfC, statusOfRecord } from './c-status.js'
import { serveContract } from './contract.js'

const tag = 'Contract C: notification service'
const batchBytesMax = 8 * 1024 * 1024

const params = z.object({ id: identifier })
const listQuery = z.object({
  status: optional(z.enum(statusesOfC)),
  channel: optional(z.enum(channelsOfC)),
  date_from: optional(queryInstant).openapi({ description: 'Created at or after.' }),
  date_to: optional(queryInstant).openapi({ description: 'Created before.' }),
  cursor: optional(cursorText),
  page_size: pageSize,
})
const list = z.object({ data: z.array(notificationOfC), next_cursor: z.string().nullable() }).openapi('ServiceList')

const batchRequest = z
  .object({ notifications: z.array(requestOfC).min(1).max(fanOutMax) })
  .superRefine(({ notifications }, context) => {
    const first = new Map<string, number>()
    for (const [at, { idempotency_key: key }] of notifications.entries()) {
      if (key === undefined) continue
      const other = first.get(key)
      const message = `The same as that of notifications.${other}.`
      if (other === undefined) first.set(key, at)
      else context.addIssue({ code: 'custom', path: ['notifications', at, 'idempotency_key'], message })
    }
  })
  .openapi('ServiceBatchRequest')

/** What these routes share. */
export interface PartsOfC {
  readonly app: IngressApp
  readonly ports: IngressPorts
  readonly waits: RecordWaits
  readonly options: IngressOptions
}

export function notificationsOfC(parts: PartsOfC): void {
  servePost(parts)
  serveBatch(parts)
  serveReads(parts)
  serveCancel(parts)
}

function servePost({ app, ports, waits, options }: PartsOfC): void {
  serveContract(
    app,
    errorsOfC,
    {
      method: 'post',
      path: '/api/v1/notifications',
      tag,
      summary: 'Send a notification',
      body: { schema: requestOfC },
      answers: {
        201: { description: 'It is durable.', schema: notificationOfC },
        409: { description: 'The notification that has the idempotency key.', schema: notificationOfC },
      },
      problems: [404, 503, 507],
    },
    async ({ c, body: request }) => {
      const template = await templateOf(ports, request)
      const { event, shown, key } = prepared(c, ports, request, template, null)
      if (key === null) {
        await ports.acceptor.accept([event], null)
        return answer(c, 201, shown)
      }
      const owner = await acceptOnce(ports.acceptor, event, { key: contractKey('c', key) })
      if (owner.isNew) return answer(c, 201, { ...shown, id: owner.id })
      return answer(c, 409, shownByC(await foundRecord(ports, waits, owner.id, options.settleWaitMs)))
    },
  )
}

function serveBatch({ app, ports, waits, options }: PartsOfC): void {
  serveContract(
    app,
    errorsOfC,
    {
      method: 'post',
      path: '/api/v1/notifications/batch',
      tag,
      summary: `Send 1 to ${fanOutMax} notifications, all or none`,
      body: {
        schema: batchRequest,
        maxBytes: batchBytesMax,
      },
      answers: {
        201: {
          description: 'All are durable. One whose idempotency key is known is the notification that has it.',
          schema: z.object({ batch: batchOfC, notifications: z.array(notificationOfC) }).openapi('ServiceBatchAnswer'),
        },
      },
      problems: [404, 409, 503, 507],
    },
    async ({ c, body: { notifications: requests } }) => {
      const templates = await templatesOf(ports, requests)
      const batchId = ports.newId()
      const all = requests.map((request, at) => prepared(c, ports, request, templates[at], batchId))
      const record = (id: string) => foundRecord(ports, waits, id, options.settleWaitMs)
      const batch = (id: string) => foundBatch(ports, id, options.settleWaitMs)
      return answer(c, 201, await acceptBatch(ports.acceptor, batchId, all, { record, batch }))
    },
  )
}

function serveReads({ app, ports, waits, options }: PartsOfC): void {
  serveContract(
    app,
    errorsOfC,
    {
      method: 'get',
      path: '/api/v1/notifications/{id}',
      tag,
      summary: 'One notification',
      params,
      answers: { 200: { description: 'As it stands.', schema: notificationOfC } },
      problems: [404, 503],
    },
    async ({ c, params: { id } }) =>
      answer(c, 200, shownByC(ofC(await foundRecord(ports, waits, id, options.settleWaitMs)))),
  )
  serveContract(
    app,
    errorsOfC,
    {
      method: 'get',
      path: '/api/v1/notifications',
      tag,
      summary: 'Notifications, newest first',
      query: listQuery,
      answers: { 200: { description: 'A page of them.', schema: list } },
      problems: [503],
    },
    async ({ c, query: { status, channel, date_from, date_to, cursor, page_size } }) => {
      const { data, nextCursor } = await ports.records.list({
        ...{ tenant, origin: 'c', limit: page_size },
        ...(status !== undefined && { statuses: statusesCalled(status) }),
        ...(channel !== undefined && { channel }),
        ...(date_from !== undefined && { fromMs: Date.parse(date_from) }),
        ...(date_to !== undefined && { toMs: Date.parse(date_to) }),
        ...(cursor !== undefined && { cursor }),
      })
      const shown = data.map(shownByC).filter((one) => status === undefined || one.status === status)
      return answer(c, 200, { data: shown, next_cursor: nextCursor })
    },
  )
}

function serveCancel({ app, ports, waits, options }: PartsOfC): void {
  serveContract(
    app,
    errorsOfC,
    {
      method: 'patch',
      path: '/api/v1/notifications/{id}/cancel',
      tag,
      summary: 'Cancel a notification that is pending',
      params,
      answers: { 200: { description: 'Cancelled.', schema: notificationOfC } },
      problems: [404, 409, 503, 507],
    },
    async ({ c, params: { id } }) => {
      const record = ofC(await foundRecord(ports, waits, id, options.settleWaitMs))
      const status = statusOfRecord(record)
      if (status !== 'pending' && status !== 'scheduled') throw new Problem('conflict', `It is ${status} already.`)
      const decided = await cancelled(c, ports, waits, record, options.settleWaitMs)
      if (decided.status === 'cancelled') return answer(c, 200, shownByC(decided))
      throw new Problem('unavailable', 'It is not decided yet. Ask again in a moment.')
    },
  )
}

function ofC(record: NotificationRecord): NotificationRecord {
  if (record.origin === 'c') return record
  throw new Problem('not-found', 'There is no notification with this id.')
}

async function templateOf(ports: IngressPorts, request: RequestOfC): Promise<TemplateVersion | undefined> {
  if (request.template_id === undefined) return undefined
  const [template] = await templatesOf(ports, [request], true)
  return template
}

/** The template of each request. Throws where one is unknown, or of another channel. */
async function templatesOf(
  { templates }: Pick<IngressPorts, 'templates'>,
  requests: readonly RequestOfC[],
  single = false,
): Promise<readonly (TemplateVersion | undefined)[]> {
  const ids = new Set(requests.flatMap(({ template_id: id }) => id ?? []))
  const found = new Map(await Promise.all([...ids].map(async (id) => [id, await templates.get(tenant, id)] as const)))
  return requests.map(({ template_id: id, channel }, at) => {
    if (id === undefined) return undefined
    const template = found.get(id)
    if (!template) throw new Problem('not-found', 'There is no template with this id.')
    if (Object.values(template.locales).some((messages) => Object.hasOwn(messages, channel))) return template
    const path = single ? 'template_id' : `notifications.${at}.template_id`
    throw invalid([{ path, message: `The template is not for ${channel}.` }])
  })
}
