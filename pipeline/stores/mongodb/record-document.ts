/** The document of a record: the fields that lists filter by, what was asked, and the progress, written so that operators
 *  can query attempts and the timeline. A field that would be null is left out. No name of a field comes from a request.
 *
 *  Its `_id` holds the tenant and the notification's id, and every write names it. So the shard key is
 *  `{_id: 'hashed'}`: it spreads ids that grow with time, keeps them unique over all shards, and sends each write and
 *  each look-up to one shard. Lists ask every shard. */
import type { Attempt, NotificationSummary, Priority, TemplateReference, TrailEntry } from '../../../schemas/events.js'
import { finalStatuses, type NotificationState } from '../../../schemas/record.js'
import { channelsOf, createdAtMs } from '../../../stages/record/show.js'
import type { KnownDelivery, KnownEnd, RecordState } from '../../../stages/record/state.js'
import { statusOf } from '../../../stages/record/status.js'
import { type Progress, unpackProgress } from '../record-progress.js'
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
  readonly progress: ProgressFields
}

/** A document as it may be found: those of earlier releases have their progress as one packed text. They are rewritten
 *  with the next status of their notification. */
export interface StoredRecord extends Omit<RecordDocument, 'progress'> {
  readonly progress: ProgressFields | string
}

/** What became of the notification. */
interface ProgressFields {
  readonly firstAt: Date
  readonly lastAt: Date
  readonly duplicateOf?: string
  readonly ends: readonly Timed<KnownEnd>[]
  readonly deliveries: readonly (Timed<Omit<KnownDelivery, 'attempts'>> & {
    readonly attempts: readonly Timed<Attempt>[]
  })[]
  readonly timeline: readonly Timed<TrailEntry>[]
}

/** With the time as a date, and without what is null. */
type Timed<T extends { readonly atMs: number }> = { readonly at: Date } & WithoutNulls<Omit<T, 'atMs'>>

type WithoutNulls<T> = { readonly [K in keyof T as null extends T[K] ? never : K]: T[K] } & {
  readonly [K in keyof T as null extends T[K] ? K : never]?: NonNullable<T[K]>
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
    progress: progressFields(state),
  }
}

export function stateOf(document: StoredRecord): RecordState {
  const { id, tenant, recipient, progress } = document
  const known = typeof progress === 'string' ? unpackProgress(progress) : progressOf(progress)
  return { id, tenant, recipient, summary: summaryOf(document), ...known }
}

function progressFields({ firstAtMs, lastAtMs, duplicateOf, ends, deliveries, trail }: Progress): ProgressFields {
  return {
    firstAt: new Date(firstAtMs),
    lastAt: new Date(lastAtMs),
    ...(duplicateOf !== null && { duplicateOf }),
    ends: ends.map(timed),
    deliveries: deliveries.map(({ attempts, ...delivery }) => ({ ...timed(delivery), attempts: attempts.map(timed) })),
    timeline: trail.map(timed),
  }
}

function progressOf({ firstAt, lastAt, duplicateOf, ends, deliveries, timeline }: ProgressFields): Progress {
  return {
    firstAtMs: firstAt.getTime(),
    lastAtMs: lastAt.getTime(),
    duplicateOf: duplicateOf ?? null,
    ends: ends.map(({ status, at }) => ({ status, atMs: at.getTime() })),
    deliveries: deliveries.map(({ at, provider = null, attempts, ...delivery }) => ({
      ...delivery,
      provider,
      atMs: at.getTime(),
      attempts: attempts.map(attemptOf),
    })),
    trail: timeline.map(({ at, stage, event, channel = null, reason = null, detail = null }) => ({
      ...{ atMs: at.getTime(), stage, event, channel, reason, detail },
    })),
  }
}

function attemptOf({ at, number, outcome, error, latencyMs, messageId }: Timed<Attempt>): Attempt {
  return { number, atMs: at.getTime(), outcome, error: error ?? null, latencyMs, messageId: messageId ?? null }
}

function timed<T extends { readonly atMs: number }>(one: T): Timed<T> {
  const told: Record<string, unknown> = { at: new Date(one.atMs) }
  for (const [name, value] of Object.entries(one)) if (value !== null && name !== 'atMs') told[name] = value
  return told as Timed<T>
}

function askedOf(summary: NotificationSummary): Asked {
  const { channels, template, priority, sendAtMs, metadata, correlationId, origin } = summary
  return { channels, template, priority, sendAtMs, metadata, correlationId, origin }
}

function summaryOf({ asked, recipient, createdAt, batchId }: StoredRecord): NotificationSummary | null {
  return asked && { ...asked, recipient, acceptedAtMs: createdAt.getTime(), batchId: batchId ?? null }
}
