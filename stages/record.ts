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
  eachBatch('record', 'notifications.status', async ({ records }) => {
    await store.merge(records.map(({ value }) => value))
    return () => emit()
  })
