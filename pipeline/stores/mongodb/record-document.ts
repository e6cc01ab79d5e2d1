/** The document of a record: the fields that lists filter by, what was asked, and the packed progress.
 *
 *  Its `_id` holds the tenant and the notification's id, and every write names it. So the shard key is
 *  `{_id: 'hashed'}`: it spreads ids that grow with time, keeps them unique over all shards, and sends each write and
 *  each look-up to one shard. Lists ask every shard. */
import type { NotificationSummary, Priority, TemplateReference } from '../../../schemas/events.js'
import { finalStatuses, type NotificationState } from '../../../schemas/record.js'
import { channelsOf, createdAtMs } from '../../../stages/record/show.js'
import type { RecordState } from '../../../stages/record/state.js'
import { statusOf } from '../../../stages/record/status.js'
import { packProgress, unpackProgress } from '../record-progress.js'
import { documentId } from './documents.js'

export const recordCollection = 'records'

export interface RecordDocument {
  readonly _id: string
  /** Names the write that made it as it is: what a compare-and-set compares. */
  readonly write: string
  readonly tenant: string
  readonly id: string
  readonly createdAt: Date
  readonly status: NotificationState
  readonly recipient: string
  readonly channels: readonly string[]
  readonly batchId?: string
  /** When it ended; on records that have ended only: what retention counts from. */
  readonly endedFrom?: Date
  /** Null as long as no event told it. */
  readonly asked: Asked | null
  readonly progress: string
}

/** What of a summary no other field tells. */
interface Asked {
  readonly channels: readonly string[]
  readonly template: TemplateReference | null
  readonly priority: Priority
  readonly sendAtMs: number | null
  readonly metadata: string
  readonly correlationId: string
  readonly origin: string
}

export function documentOf(state: RecordState, write: string): RecordDocument {
  const { tenant, id, recipient, summary } = state
  const status = statusOf(state)
  const createdAt = new Date(createdAtMs(state))
  return {
    _id: documentId(tenant, id),
    write,
    tenant,
    id,
    createdAt,
    status,
    recipient,
    channels: channelsOf(state),
    ...(summary && summary.batchId !== null && { batchId: summary.batchId }),
    ...(finalStatuses.has(status) && { endedFrom: new Date(state.lastAtMs) }),
    asked: summary && askedOf(summary),
    progress: packProgress(state),
  }
}

export function stateOf(document: RecordDocument): RecordState {
  const { id, tenant, recipient, progress } = document
  return { id, tenant, recipient, summary: summaryOf(document), ...unpackProgress(progress) }
}

function askedOf(summary: NotificationSummary): Asked {
  const { channels, template, priority, sendAtMs, metadata, correlationId, origin } = summary
  return { channels, template, priority, sendAtMs, metadata, correlationId, origin }
}

function summaryOf({ asked, recipient, createdAt, batchId }: RecordDocument): NotificationSummary | null {
  return asked && { ...asked, recipient, acceptedAtMs: createdAt.getTime(), batchId: batchId ?? null }
}
