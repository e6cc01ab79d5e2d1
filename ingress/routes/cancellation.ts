/** POST /v1/notifications/{id}/cancel. The throttle stage decides; this waits a little for its verdict. */
import { z } from '@hono/zod-openapi'
import { finalStatuses, type NotificationRecord } from '../../schemas/record.js'
import { tenant } from '../../schemas/tenant.js'
import { answer, type IngressApp, type IngressContext, serveEndpoint } from '../endpoint.js'
import type { IngressOptions } from '../options.js'
import type { IngressPorts } from '../ports.js'
import { Problem } from '../problem.js'
import { notificationStatus } from '../record-shapes.js'
import type { RecordWaits } from '../record-waits.js'
import { foundRecord, notificationParams } from './notification-records.js'

/** What throttle writes into the timeline when it was too late. */
const refusal = 'cancel-refused'

const verdict = z.strictObject({ id: z.string(), status: notificationStatus }).openapi('CancelAnswer')

export function cancellationRoutes(
  app: IngressApp,
  ports: IngressPorts,
  waits: RecordWaits,
  { settleWaitMs }: IngressOptions,
): void {
  serveEndpoint(
    app,
    {
      method: 'post',
      path: '/v1/notifications/{id}/cancel',
      tag: 'Notifications',
      summary: 'Cancel a notification',
      description: 'What waits for its time, a limit or another try is cancelled; what is on its way already is not.',
      params: notificationParams,
      answers: {
        200: { description: 'Cancelled.', schema: verdict },
        202: { description: 'Asked, and not decided yet.', schema: verdict },
      },
      problems: [404, 409, 503, 507],
    },
    async ({ c, params: { id } }) => {
      const record = await foundRecord(ports, waits, id, settleWaitMs)
      const { status } = await cancelled(c, ports, waits, record, settleWaitMs)
      return answer(c, status === 'cancelled' ? 200 : 202, { id, status })
    },
  )
}

/** Asks for the cancel and waits for the verdict: the record is cancelled then, or the verdict is not there yet. Throws a
 *  409 where it is too late. */
export async function cancelled(
  c: IngressContext,
  ports: IngressPorts,
  waits: RecordWaits,
  record: NotificationRecord,
  settleWaitMs: number,
): Promise<NotificationRecord> {
  if (finalStatuses.has(record.status)) return unlessTooLate(record, 0)
  const requestedAtMs = ports.nowMs()
  const { id, recipient, priority } = record
  const correlationId = c.get('correlationId')
  const decided = await waits.wait({
    tenant,
    id,
    timeoutMs: settleWaitMs,
    begin: () => ports.acceptor.cancel({ id, tenant, recipient, correlationId, requestedAtMs }, priority),
    isDone: (now) => now !== undefined && (finalStatuses.has(now.status) || isRefused(now, requestedAtMs)),
  })
  return unlessTooLate(decided ?? record, requestedAtMs)
}

function unlessTooLate(record: NotificationRecord, requestedAtMs: number): NotificationRecord {
  const { status } = record
  if (status === 'cancelled') return record
  if (finalStatuses.has(status)) throw new Problem('conflict', `Too late to cancel: it is ${status}.`)
  if (isRefused(record, requestedAtMs)) {
    throw new Problem(
      'conflict',
      'Too late to cancel: it is on its way already. Should that try fail, no other follows.',
    )
  }
  return record
}

/** An earlier refusal says nothing: what was out then may wait for another try now. */
function isRefused({ timeline }: NotificationRecord, requestedAtMs: number): boolean {
  return timeline.some(({ event, at }) => event === refusal && Date.parse(at) >= requestedAtMs)
}
