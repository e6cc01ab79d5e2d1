/** Merges status events into one document per notification.
 *
 *  Invariant: the merge cares neither about order nor about repetition, so it needs no part in the step's transaction:
 *  a batch is settled after its merge is stored, and a crash in between merges it once more. */
import type { NotificationStatus } from '../schemas/events.js'
import { eachBatch, emit, type Stage } from './stage.js'

/** Where records are kept. */
export interface RecordStore {
  /** Resolves when all are merged and stored. `record/merge.ts` says how they are merged; each notification's events
   *  are merged in one go. After a rejection some may be stored: merging them again changes nothing. */
  merge(events: readonly NotificationStatus[]): Promise<void>
}

export const record = (store: RecordStore): Stage<'notification-status', never> =>
  eachBatch('record', 'notifications.status', async ({ records }, nowMs) => {
    await store.merge(records.map(({ value }) => withRecorded(value, nowMs)))
    return () => emit()
  })

/** An event that ends something says when that was recorded. Of several such entries the merge keeps the first. */
function withRecorded(event: NotificationStatus, atMs: number): NotificationStatus {
  const [ended] = event.deliveries.filter(({ final }) => final)
  if (!ended && (event.status === null || event.status === 'accepted')) return event
  const channel = ended?.channel ?? null
  const entry = { atMs, stage: 'record', event: 'recorded', channel, reason: null, detail: null }
  return { ...event, trail: [...event.trail, entry] }
}
