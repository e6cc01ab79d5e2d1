/** The row of a record. */
import type { NotificationSummary, Priority } from '../../../schemas/events.js'
import { recipientKey } from '../../../schemas/outgoing.js'
import { finalStatuses, type NotificationState, notificationStatuses } from '../../../schemas/record.js'
import { channels } from '../../../schemas/streams.js'
import { acceptedState, type RecordState } from '../../../stages/record/state.js'
import { murmur2 } from '../../engine/murmur2.js'
import { areRare } from '../pages.js'
import { noProgress, unpackProgress } from '../record-progress.js'

/** The columns that a record is read from, of `store_records r LEFT JOIN store_progress p`, in the order of `Row`. */
export const rowColumns = `r.seq, r.tenant, r.id, r.created_at, r.status, r.recipient, r.priority, r.asked_channels,
  r.template_id, r.template_version, r.send_at, r.batch_id, r.correlation_id, r.origin, r.metadata, p.doc`

/** A row, read as an array. No priority: what was asked is not known yet. */
export type Row = readonly [
  seq: number,
  tenant: string,
  id: string,
  createdAtMs: number,
  status: NotificationState,
  recipient: string,
  priority: Priority | null,
  askedChannels: string | null,
  templateId: string | null,
  templateVersion: number | null,
  sendAtMs: number | null,
  batchId: string | null,
  correlationId: string | null,
  origin: string | null,
  metadata: string | null,
  doc: string | null,
]

/** The columns of what was asked, in the order of `askedValues`. */
export const askedColumns = `priority, asked_channels, template_id, template_version, send_at, batch_id, correlation_id,
  origin, metadata`

export function askedValues(summary: NotificationSummary | null): (string | number | null)[] {
  if (summary === null) return [null, null, null, null, null, null, null, null, null]
  const { channels: asked, template, metadata } = summary
  return [
    summary.priority,
    asked.length === 0 ? null : asked.join(' '),
    template?.id ?? null,
    template?.version ?? null,
    summary.sendAtMs,
    summary.batchId,
    summary.correlationId,
    summary.origin,
    metadata === '{}' ? null : metadata,
  ]
}

/** What is known of a notification, from its row. */
export function stateOf(row: Row): RecordState {
  const [, tenant, id, createdAtMs, , recipient, , , , , , , , , , doc] = row
  const summary = summaryFrom(row)
  if (doc === null && summary) return acceptedState(id, tenant, summary)
  return { id, tenant, recipient, summary, ...(doc === null ? noProgress(createdAtMs) : unpackProgress(doc)) }
}

function summaryFrom(row: Row): NotificationSummary | null {
  const [, , , acceptedAtMs, , recipient, priority, asked, templateId, version, sendAtMs, batchId, ...rest] = row
  if (priority === null) return null
  const [correlationId, origin, metadata] = rest
  return {
    recipient,
    channels: asked === null ? [] : asked.split(' '),
    template: templateId === null || version === null ? null : { id: templateId, version },
    priority,
    sendAtMs,
    acceptedAtMs,
    metadata: metadata ?? '{}',
    batchId,
    correlationId: correlationId ?? '',
    origin: origin ?? '',
  }
}

/** The status where it is worth an index entry. What is stored depends on which are rare. */
export function rareStatus(status: NotificationState): NotificationState | null {
  return areRare([status]) ? status : null
}

/** Statuses after which nothing more happens, as a list for SQL. */
export const finalStatusList = notificationStatuses
  .filter((status) => finalStatuses.has(status))
  .map((status) => `'${status}'`)
  .join(', ')

/** A bit for each channel; unknown ones have none. */
export function channelBits(names: readonly string[]): number {
  let bits = 0
  for (const name of names) bits |= channelBit.get(name) ?? 0
  return bits
}

const channelBit: ReadonlyMap<string, number> = new Map(channels.map((name, at) => [name, 1 << at]))

/** What the recipient index holds: 32 bits that few recipients share. */
export function recipientHash(tenant: string, recipient: string): number {
  return murmur2(Buffer.from(recipientKey(tenant, recipient)))
}
