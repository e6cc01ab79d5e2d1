/** POST /v1/notifications/batch and GET /v1/batches/{id}. */
import { z } from '@hono/zod-openapi'
import type { NotificationRequested } from '../../schemas/events.js'
import { tenant } from '../../schemas/tenant.js'
import { answer, type IngressApp, serveEndpoint } from '../endpoint.js'
import type { IngressOptions } from '../options.js'
import type { BatchSummary, IngressPorts } from '../ports.js'
import { type FieldError, invalid, Problem, type ProblemBody, problemBody, problemSchema } from '../problem.js'
import { batchShape } from '../record-shapes.js'
import { accept, batchLocation } from '../requests/acceptance.js'
import { type Checked, check } from '../requests/field-errors.js'
import { identifier, isFresh } from '../requests/identifier.js'
import { normalize } from '../requests/normalize.js'
import { type BatchItem, batchEnvelope, batchItem, batchRequest } from '../requests/notification-request.js'
import { requestContext } from '../requests/request-context.js'
import { acceptedHeaders, idempotencyHeaders } from './notifications.js'

/** Bytes of a batch's body. */
export const maxBatchBytes = 8 * 1024 * 1024
/** Between two looks for a batch that is not there yet, in milliseconds. */
const lookAgainMs = 50

const batchAnswer = z
  .strictObject({
    batchId: z.string(),
    accepted: z.array(z.strictObject({ index: z.int(), id: z.string() })),
    rejected: z.array(z.strictObject({ index: z.int(), problem: problemSchema })),
  })
  .openapi('BatchAnswer')

export function batchRoutes(app: IngressApp, ports: IngressPorts, options: IngressOptions): void {
  servePost(app, ports, options)
  serveGet(app, ports, options)
}

function servePost(app: IngressApp, ports: IngressPorts, options: IngressOptions): void {
  serveEndpoint(
    app,
    {
      method: 'post',
      path: '/v1/notifications/batch',
      tag: 'Notifications',
      summary: 'Send up to 1,000 notifications',
      description:
        'A bad one rejects only itself; when none is good the answer is 400. Paths in a problem are its own.',
      headers: idempotencyHeaders,
      body: {
        schema: batchEnvelope,
        documented: batchRequest,
        maxBytes: maxBatchBytes,
        example: {
          notifications: [
            { to: 'user-42', content: { body: 'Hello' } },
            { to: { phone: '+4915112345678' }, template: 'order-shipped', data: { order: '4711' } },
          ],
        },
      },
      answers: { 202: { description: 'Accepted, all or in part.', schema: batchAnswer, headers: acceptedHeaders } },
      problems: [409, 422, 503, 507],
    },
    ({ c, body: request }) =>
      accept(c, ports, request, async () => {
        const batchId = ports.newId()
        const items = request.notifications.map((item) => check(batchItem, item))
        const good = items.flatMap((item) => (item.ok ? [item.value] : []))
        const context = await requestContext(c, ports, options, good, batchId)
        const { notifications, accepted, rejected } = sorted(items, (item) => normalize(item, context))
        if (notifications.length === 0) throw invalid(rejected.flatMap(({ index, errors }) => inBatch(index, errors)))
        const rejections = rejected.map(({ index, errors }) => ({ index, problem: problemOfItem(errors) }))
        const answer = { batchId, accepted, rejected: rejections }
        return { notifications, location: batchLocation(batchId), answer }
      }),
  )
}

function serveGet(app: IngressApp, ports: IngressPorts, { settleWaitMs }: IngressOptions): void {
  serveEndpoint(
    app,
    {
      method: 'get',
      path: '/v1/batches/{id}',
      tag: 'Notifications',
      summary: 'A batch in numbers',
      params: z.object({ id: identifier }),
      answers: { 200: { description: 'How many of its notifications have each status.', schema: batchShape } },
      problems: [404, 503],
    },
    async ({ c, params: { id } }) => {
      const batch = await foundBatch(ports, id, settleWaitMs)
      if (!batch) throw new Problem('not-found', 'There is no batch with this id.')
      return answer(c, 200, batch)
    },
  )
}

/** Nobody tells when a batch's first notification is recorded: a fresh one is looked for again. */
export async function foundBatch(
  { records, nowMs }: Pick<IngressPorts, 'records' | 'nowMs'>,
  id: string,
  settleWaitMs: number,
): Promise<BatchSummary | undefined> {
  const deadlineMs = isFresh(id, nowMs()) ? performance.now() + settleWaitMs : 0
  for (;;) {
    const found = await records.batch(tenant, id)
    if (found || performance.now() + lookAgainMs > deadlineMs) return found
    await new Promise((resolve) => setTimeout(resolve, lookAgainMs))
  }
}

interface Rejection {
  readonly index: number
  readonly errors: readonly FieldError[]
}

function sorted(
  items: readonly Checked<BatchItem>[],
  normalizeItem: (item: BatchItem) => ReturnType<typeof normalize>,
) {
  const notifications: NotificationRequested[] = []
  const accepted: { index: number; id: string }[] = []
  const rejected: Rejection[] = []
  for (const [index, item] of items.entries()) {
    const normalized = item.ok ? normalizeItem(item.value) : item
    if (!normalized.ok) {
      rejected.push({ index, errors: normalized.errors })
      continue
    }
    for (const notification of normalized.notifications) {
      notifications.push(notification)
      accepted.push({ index, id: notification.id })
    }
  }
  return { notifications, accepted, rejected }
}

function inBatch(index: number, errors: readonly FieldError[]): FieldError[] {
  return errors.map(({ path, message }) => ({ path: `notifications.${index}${path && `.${path}`}`, message }))
}

function problemOfItem(errors: readonly FieldError[]): ProblemBody {
  return problemBody(invalid(errors))
}
