/** Finds, makes and changes the rows of records, within a write. */
import type { NotificationStatus } from '../../../schemas/events.js'
import { finalStatuses, type NotificationState } from '../../../schemas/record.js'
import { channelsOf, createdAtMs } from '../../../stages/record/show.js'
import type { RecordState } from '../../../stages/record/state.js'
import { statusOf } from '../../../stages/record/status.js'
import type { Database } from '../../logs/sqlite/database.js'
import { spanTimes } from '../../logs/sqlite/spans.js'
import { packProgress } from '../record-progress.js'
import { batchRows } from './batch-rows.js'
import {
  askedColumns,
  askedValues,
  channelBits,
  type Row,
  rareStatus,
  recipientHash,
  rowColumns,
  stateOf,
} from './record-row.js'

export interface RecordRows {
  /** The row of each notification, in the order of `groups`. */
  load(groups: readonly (readonly NotificationStatus[])[]): readonly (StoredRecord | undefined)[]
  /** Makes a row for a notification just accepted: it needs no progress. One that is there stays as it is. */
  accept(state: RecordState, places: RecordPlaces): void
  /** Makes a row where there is none. */
  insert(state: RecordState, places: RecordPlaces): void
  /** Writes what is different in `state`. False: nothing is. */
  update(stored: StoredRecord, state: RecordState, places: RecordPlaces): boolean
}

/** Collects where rows stand that are written: in which batch, and in which span. */
export interface RecordPlaces {
  add(seq: number, state: RecordState): void
  /** To be called in the transaction that writes the rows. */
  write(): void
}

export interface StoredRecord {
  readonly row: Row
  readonly state: RecordState
}

const putProgressSql =
  'INSERT INTO store_progress (seq, doc) VALUES (?, ?) ON CONFLICT DO UPDATE SET doc = excluded.doc'

export function recordRows(database: Database): RecordRows {
  const select = database.prepare(
    `SELECT wanted.key, ${rowColumns} FROM json_each(?) wanted
     CROSS JOIN store_records r ON r.tenant = wanted.value ->> 0 AND r.id = wanted.value ->> 1
     LEFT JOIN store_progress p ON p.seq = r.seq`,
  )
  select.setReturnArrays(true)
  const insert = insertion(database)
  const putProgress = database.prepare(putProgressSql)
  return {
    load(groups) {
      const wanted = groups.map(([event]) => [event?.tenant, event?.notificationId])
      const found = new Array<StoredRecord | undefined>(groups.length)
      for (const [at, ...row] of select.all(JSON.stringify(wanted)) as unknown as [number, ...Row][]) {
        found[at] = { row, state: stateOf(row) }
      }
      return found
    },
    accept: (state, places) => {
      insert(state, places)
    },
    insert: (state, places) => {
      const seq = insert(state, places)
      if (seq === null) throw new Error(`There is a record of ${state.id} already.`)
      putProgress.run(seq, packProgress(state))
    },
    update: updating(database),
  }
}

export function recordPlaces(database: Database): RecordPlaces {
  const batches = batchRows(database)
  const spans = spanTimes(database)
  return {
    add(seq, state) {
      const { tenant, summary } = state
      if (summary && summary.batchId !== null) batches.add(tenant, summary.batchId, seq)
      spans.add(seq, createdAtMs(state))
    },
    write() {
      batches.write()
      spans.write()
    },
  }
}

/** Returns the new row's number; null where there is one already. */
function insertion(database: Database): (state: RecordState, places: RecordPlaces) => number | null {
  const insert = database.prepare(
    `INSERT INTO store_records (
       tenant, id, created_at, status, rare, ended_at, channels, recipient, recipient_hash, ${askedColumns})
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  )
  return (state, places) => {
    const { tenant, id, recipient, summary } = state
    const status = statusOf(state)
    const values: (string | number | null)[] = [tenant, id, createdAtMs(state), status, rareStatus(status)]
    values.push(endedAtMs(state, status), channelBits(channelsOf(state)), recipient, recipientHash(tenant, recipient))
    const { changes, lastInsertRowid } = insert.run(...values.concat(askedValues(summary)))
    if (changes === 0) return null
    const seq = Number(lastInsertRowid)
    places.add(seq, state)
    return seq
  }
}

/** What retention counts from: the last that was told of a notification that has ended; null of any other. */
function endedAtMs({ lastAtMs }: RecordState, status: NotificationState): number | null {
  return finalStatuses.has(status) ? lastAtMs : null
}

function updating(database: Database): RecordRows['update'] {
  const setStatus = database.prepare(
    'UPDATE store_records SET status = ?, rare = ?, ended_at = ?, channels = ? WHERE seq = ?',
  )
  const setAsked = database.prepare(
    `UPDATE store_records SET created_at = ?, (${askedColumns}) = (?, ?, ?, ?, ?, ?, ?, ?, ?) WHERE seq = ?`,
  )
  const putProgress = database.prepare(putProgressSql)
  return ({ row, state: before }, after, places) => {
    const [seq, , , createdAt, status] = row
    const { summary } = after
    const asked = summary !== before.summary || createdAtMs(after) !== createdAt
    const doc = packProgress(after)
    if (!asked && doc === row[15]) return false
    if (asked) {
      setAsked.run(createdAtMs(after), ...askedValues(summary), seq)
      places.add(seq, after)
    }
    const now = statusOf(after)
    // Where channels were asked for they do not change; elsewhere they are those of the deliveries.
    if (asked || now !== status || !summary || summary.channels.length === 0) {
      setStatus.run(now, rareStatus(now), endedAtMs(after, now), channelBits(channelsOf(after)), seq)
    }
    putProgress.run(seq, doc)
    return true
  }
}
