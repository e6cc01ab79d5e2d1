/** Takes in what upstreams write to notifications.inbound, with any key and in any partition: checks it as HTTP would,
 *  pins the template's version, gives it an id, and puts it in its recipient's partition and its lane. What is not
 *  valid is recorded as rejected, with its reason, and goes to the dead letters.
 *
 *  It runs beside the HTTP API, as a stage does: outputs and input positions are one transaction. */

import { type Intake, listed, type Rejection, readInbound, takeIn } from '../../ingress/intake.js'
import type { Templates } from '../../ingress/ports.js'
import { templatesNamed } from '../../ingress/requests/request-context.js'
import { requested, status } from '../../schemas/outgoing.js'
import type { RetryBounds } from '../../schemas/retry-rules.js'
import { tenant } from '../../schemas/tenant.js'
import { traceparentIn } from '../../schemas/trace-context.js'
import {
  deadLetter,
  eachBatch,
  emit,
  type InputRecord,
  type Outcome,
  type RecordContext,
  type Stage,
} from '../../stages/stage.js'

export interface IntakeOptions {
  readonly templates: Pick<Templates, 'get'>
  /** How long a duplicate is recognised where the event does not say. */
  readonly dedupeWindowMs: number
  /** What an event may ask of retries. */
  readonly retryBounds: RetryBounds
  /** The trace context of a record that came without one; null: none. */
  readonly traceRoot?: (record: InputRecord<'notification-inbound'>) => string | null
}

type In = 'notification-inbound'
type Out = 'notification-requested' | 'notification-status'

/** The reason in the record, and the dead letter's cause. */
const reason = 'invalid-request'

/** The worker. Rejects with what a look-up rejects with: away, the store is waited for. */
export function intake({
  templates,
  dedupeWindowMs,
  retryBounds,
  traceRoot = () => null,
}: IntakeOptions): Stage<In, Out> {
  return eachBatch<In, Out>('intake', 'notifications.inbound', async ({ records }, nowMs) => {
    const read = new Map(records.map((record) => [record.recordId, readInbound(record.value)]))
    const good = [...read.values()].flatMap((checked) => (checked.ok ? [checked.value] : []))
    const context = { nowMs, dedupeWindowMs, retryBounds, templates: await templatesNamed(templates, good) }
    return (record, recordContext) => {
      const checked = read.get(record.recordId)
      if (!checked) throw new Error('A record was to be decided on that is not of its batch.')
      return outcome(takeIn(record, checked, context), record, recordContext, traceRoot)
    }
  })
}

function outcome(
  taken: Intake,
  record: InputRecord<In>,
  context: RecordContext,
  traceRoot: NonNullable<IntakeOptions['traceRoot']>,
): Outcome<Out> {
  switch (taken.kind) {
    case 'accepted': {
      const { notification } = taken
      return emit(requested({ ...notification, traceparent: notification.traceparent ?? traceRoot(record) }))
    }
    case 'rejected':
      return reject(taken.rejection, traceparentIn(record.headers), context)
  }
}

function reject(
  { id, summary, errors }: Rejection,
  traceparent: string | null,
  { recordId, nowMs }: RecordContext,
): Outcome<Out> {
  const detail = listed(errors)
  const told = status({
    eventId: `${recordId}-intake`,
    notificationId: id,
    tenant,
    recipient: summary.recipient,
    atMs: nowMs,
    status: 'rejected',
    duplicateOf: null,
    summary,
    deliveries: [],
    trail: [{ atMs: nowMs, stage: 'ingress', event: 'rejected', channel: null, reason, detail }],
    traceparent,
  })
  return deadLetter(reason, detail, told)
}
