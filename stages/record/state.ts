/** What the record knows of a notification: everything that events told, joined. The record that the API shows is made
 *  from it (show.ts).
 *
 *  Invariant: each part is joined by a rule that does not care about order or repetition, so the same events give the
 *  same state however they came. That is why it keeps what is not shown: `final`, `siblings`, the time of knowledge. */
import type { Attempt, DeliveryState, NotificationEnd, NotificationSummary, TrailEntry } from '../../schemas/events.js'

/** The best that was told of one delivery. */
export interface KnownDelivery {
  readonly id: string
  readonly channel: string
  readonly provider: string | null
  readonly status: DeliveryState
  readonly final: boolean
  /** How many deliveries the notification has in all. */
  readonly siblings: number
  /** When it was told, in milliseconds since the epoch. */
  readonly atMs: number
  /** How many calls whoever told it knew of. */
  readonly told: number
  /** All calls that anybody told of, in order of time. */
  readonly attempts: readonly Attempt[]
}

/** An end that no delivery tells. */
export interface KnownEnd {
  readonly status: Exclude<NotificationEnd, 'accepted'>
  /** When it was told last, in milliseconds since the epoch. */
  readonly atMs: number
}

export interface RecordState {
  readonly id: string
  readonly tenant: string
  readonly recipient: string
  /** What was asked; null as long as no event told it. */
  readonly summary: NotificationSummary | null
  readonly duplicateOf: string | null
  /** When the first event happened, in milliseconds since the epoch. */
  readonly firstAtMs: number
  /** When the last event happened, in milliseconds since the epoch. */
  readonly lastAtMs: number
  /** At most one for each status, by name. */
  readonly ends: readonly KnownEnd[]
  /** In the order of channels, then by id. */
  readonly deliveries: readonly KnownDelivery[]
  /** In order of time, without repetitions. */
  readonly trail: readonly TrailEntry[]
}

/** The record of a notification in the moment it is accepted. */
export function acceptedState(id: string, tenant: string, summary: NotificationSummary): RecordState {
  const { recipient, acceptedAtMs } = summary
  return {
    id,
    tenant,
    recipient,
    summary,
    duplicateOf: null,
    firstAtMs: acceptedAtMs,
    lastAtMs: acceptedAtMs,
    ends: [],
    deliveries: [],
    trail: [{ atMs: acceptedAtMs, stage: 'ingress', event: 'accepted', channel: null, reason: null, detail: null }],
  }
}
