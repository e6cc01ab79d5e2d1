/** Contract C's notifications: sent one by one and in batches, read, listed, cancelled. */
import { z } from '@hono/zod-openapi'
import type { NotificationRecord } from '../../schemas/record.js'
import type { TemplateVersion } from '../../schemas/template.js'
import { tenant } from '../../schemas/tenant.js'
import { answer } from '../endpoint.js'
import { cursorText } from '../paging.js'
import type { IngressPorts } from '../ports.js'
import { invalid, Problem } from '../problem.js'
import { identifier } from '../requests/identifier.js'
import { maxFanOut } from '../requests/notification-request.js'
import { templatesById } from '../requests/request-context.js'
import { foundBatch, maxBatchBytes } from '../routes/batches.js'
import { cancelled } from '../routes/cancellation.js'
import { queryInstant } from '../routes/notification-records.js'
import { acceptOnce, contractKey } from './accept-once.js'
import { acceptBatch, batchOfC } from './c-batch.js'
import { channelsOfC, notificationOfC, shownByC } from './c-notification.js'
import { optional, type PartsOfC, pageSize, recordFor, tagOfC } from './c-parts.js'
import { prepared, type RequestOfC, requestOfC } from './c-request.js'
import { statusesCalled, statusesOfC, statusOfRecord } from './c-status.js'
import { errorField, serveContract } from './contract.js'

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
  .object({ notifications: z.array(requestOfC).min(1).max(maxFanOut) })
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

export function notificationsOfC(parts: PartsOfC): void {
  servePost(parts)
  serveBatch(parts)
  serveReads(parts)
  serveCancel(parts)
}

function servePost(parts: PartsOfC): void {
  const { app, ports } = parts
  serveContract(
    app,
    errorField,
    {
      method: 'post',
      path: '/api/v1/notifications',
      tag: tagOfC,
      summary: 'Send a notification',
      body: { schema: requestOfC },
      answers: {
        201: { description: 'It is durable.', schema: notificationOfC },
        409: { description: 'The notification that has the idempotency key.', schema: notificationOfC },
      },
      problems: [404, 503, 507],
    },
    async ({ c, body: request }) => {
      const [template] = await templatesOf(ports, [request], () => '')
      const { event, shown, key } = prepared(c, ports, request, template, null)
      if (key === null) {
        await ports.acceptor.accept([event], null)
        return answer(c, 201, shown)
      }
      const owner = await acceptOnce(ports.acceptor, event, { key: contractKey('c', key) })
      if (owner.isNew) return answer(c, 201, { ...shown, id: owner.id })
      return answer(c, 409, shownByC(await recordFor(parts, owner.id)))
    },
  )
}

function serveBatch(parts: PartsOfC): void {
  const { app, ports, options } = parts
  serveContract(
    app,
    errorField,
    {
      method: 'post',
      path: '/api/v1/notifications/batch',
      tag: tagOfC,
      summary: `Send 1 to ${maxFanOut} notifications, all or none`,
      body: {
        schema: batchRequest,
        maxBytes: maxBatchBytes,
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
      const templates = await templatesOf(ports, requests, (at) => `notifications.${at}.`)
      const batchId = ports.newId()
      const all = requests.map((request, at) => prepared(c, ports, request, templates[at], batchId))
      const record = (id: string) => recordFor(parts, id)
      const batch = (id: string) => foundBatch(ports, id, options.settleWaitMs)
      return answer(c, 201, await acceptBatch(ports.acceptor, batchId, all, { record, batch }))
    },
  )
}

function serveReads(parts: PartsOfC): void {
  const { app, ports } = parts
  serveContract(
    app,
    errorField,
    {
      method: 'get',
      path: '/api/v1/notifications/{id}',
      tag: tagOfC,
      summary: 'One notification',
      params,
      answers: { 200: { description: 'As it stands.', schema: notificationOfC } },
      problems: [404, 503],
    },
    async ({ c, params: { id } }) => answer(c, 200, shownByC(ofC(await recordFor(parts, id)))),
  )
  serveContract(
    app,
    errorField,
    {
      method: 'get',
      path: '/api/v1/notifications',
      tag: tagOfC,
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

function serveCancel(parts: PartsOfC): void {
  const { app, ports, waits, options } = parts
  serveContract(
    app,
    errorField,
    {
      method: 'patch',
      path: '/api/v1/notifications/{id}/cancel',
      tag: tagOfC,
      summary: 'Cancel a notification that is pending',
      params,
      answers: { 200: { description: 'Cancelled.', schema: notificationOfC } },
      problems: [404, 409, 503, 507],
    },
    async ({ c, params: { id } }) => {
      const record = ofC(await recordFor(parts, id))
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

/** The template of each request; `place`: where a request stands, for what is said of it. Throws where a template is
 *  unknown, or of another channel. */
async function templatesOf(
  { templates }: Pick<IngressPorts, 'templates'>,
  requests: readonly RequestOfC[],
  place: (at: number) => string,
): Promise<readonly (TemplateVersion | undefined)[]> {
  const found = await templatesById(templates, new Set(requests.flatMap(({ template_id: id }) => id ?? [])))
  return requests.map(({ template_id: id, channel }, at) => {
    if (id === undefined) return undefined
    const template = found.get(id)
    if (!template) throw new Problem('not-found', 'There is no template with this id.')
    if (Object.values(template.locales).some((messages) => Object.hasOwn(messages, channel))) return template
    throw invalid([{ path: `${place(at)}template_id`, message: `The template is not for ${channel}.` }])
  })
}
