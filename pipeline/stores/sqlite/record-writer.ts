/** Writes records. Every function here is to be called inside `Database.write`, so that it commits with what else
 *  the caller writes there. */
import type { NotificationRequested, NotificationStatus } from '../../../schemas/events.js'
import type { Merged } from '../../../stages/record/changes.js'
import { groupByNotification, mergeRecord } from '../../../stages/record/merge.js'
import { acceptedState, type RecordState } from '../../../stages/record/state.js'
import { summaryOf } from '../../../stages/summary.js'
import type { Database } from '../../logs/sqlite/database.js'
import { recordPlaces, recordRows } from './record-rows.js'
import { statsTally } from './stats.js'

export interface RecordWriter {
  /** Writes the first record of each, status accepted. One that is there already stays as it is. */
  insertAccepted(notifications: readonly NotificationRequested[]): void
  /** Merges status events, each notification once. Returns what that did to each record. */
  mergeStatus(events: readonly NotificationStatus[]): readonly Merged[]
}

/** A writer on the one database that can write; `createStoreSchema` comes first. */
export function recordWriter(database: Database): RecordWriter {
  const rows = recordRows(database)
  return {
    insertAccepted(notifications) {
      const places = recordPlaces(database)
      for (const request of notifications) {
        rows.accept(acceptedState(request.id, request.tenant, summaryOf(request)), places)
      }
      places.write()
    },
    mergeStatus(events) {
      const groups = [...groupByNotification(events)]
      const stored = rows.load(groups)
      const places = recordPlaces(database)
      const tally = statsTally(database)
      const merged: Merged[] = []
      for (const [at, group] of groups.entries()) {
        const known = stored[at]
        const after = mergeRecord(known?.state, group)
        merged.push({ before: known?.state, events: group, after })
        if (known) {
          if (!rows.update(known, after, places)) continue
        } else if (isJustAccepted(after)) {
          rows.accept(after, places)
        } else {
          rows.insert(after, places)
        }
        tally.count(known?.state, after)
      }
      places.write()
      tally.write()
      return merged
    },
  }
}

/** Its row says all there is. What its trail says besides stands in every later event too. */
function isJustAccepted({ summary, duplicateOf, ends, deliveries, firstAtMs, lastAtMs }: RecordState): boolean {
  const untouched = ends.length === 0 && deliveries.length === 0 && duplicateOf === null
  return untouched && summary !== null && firstAtMs === lastAtMs
}
