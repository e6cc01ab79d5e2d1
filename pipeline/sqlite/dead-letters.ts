/** Dead letters with their original bytes. */
import type { DeadLetterRecord } from '../../ingress/ports.js'
import type { DeadLetter } from '../../schemas/events.js'
import { type DeadLetterReader, deadLetterRecord } from '../dead-letter-store.js'
import { cursorAt, pageOf, placeOf } from '../pages.js'
import type { Database } from './database.js'

/** Writes dead letters; to be called inside `Database.write`. */
export interface DeadLetterWriter {
  /** Keeps the letter, unless one of its id is there. */
  put(letter: DeadLetter): void
  /** Marks a dead letter. False when it was marked before, or is unknown: so that it is replayed once. */
  markReplayed(id: string, status: 'replayed' | 'parked'): boolean
}

interface Row {
  readonly seq: number
  readonly id: string
  readonly tenant: string
  readonly at: number
  readonly stage: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly cause: string
  readonly detail: string
  readonly notification_id: string | null
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: string
  readonly replays: number
  readonly status: DeadLetterRecord['status']
}

const columns = `seq, id, tenant, at, stage, topic, partition, "offset", cause, detail, notification_id, headers, replays,
  status`

export function deadLetterReader(database: Database): DeadLetterReader {
  return {
    list: async ({ stage, cause, limit, cursor }) =>
      database.read(() => {
        const asked = ['dead-letters', stage, cause]
        const [after] = placeOf<[number]>(asked, cursor, [0]) ?? [Number.MAX_SAFE_INTEGER]
        const filters = ['seq < ?', ...(stage ? ['stage = ?'] : []), ...(cause ? ['cause = ?'] : [])]
        const values = [after, ...(stage ? [stage] : []), ...(cause ? [cause] : []), limit + 1]
        const found = database
          .prepare(`SELECT ${columns} FROM store_dead_letters WHERE ${filters.join(' AND ')} ORDER BY seq DESC LIMIT ?`)
          .all(...values) as unknown as Row[]
        return pageOf(found, limit, recordOf, ({ seq }) => cursorAt(asked, [seq]))
      }),
    get: async (id) =>
      database.read(() => {
        const sql = `SELECT ${columns}, key, value FROM store_dead_letters WHERE id = ?`
        const row = database.prepare(sql).get(id) as Row | undefined
        return row && { record: recordOf(row), letter: letterOf(row) }
      }),
  }
}

export function deadLetterWriter(database: Database): DeadLetterWriter {
  const insert = database.prepare(
    `INSERT INTO store_dead_letters (id, tenant, at, stage, topic, partition, "offset", cause, detail, notification_id,
       key, value, headers, replays, status)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'dead') ON CONFLICT DO NOTHING`,
  )
  const mark = database.prepare(`UPDATE store_dead_letters SET status = ? WHERE id = ? AND status = 'dead'`)
  return {
    put(letter) {
      const { id, tenant, atMs, stage, topic, partition, offset, cause, detail, notificationId } = letter
      const place = [id, tenant, atMs, stage, topic, partition, offset, cause, detail, notificationId]
      insert.run(...place, letter.key, letter.value, JSON.stringify(letter.headers), letter.replays)
    },
    markReplayed: (id, status) => mark.run(status, id).changes > 0,
  }
}

function recordOf(row: Row): DeadLetterRecord {
  return deadLetterRecord(letterOf(row), row.status, row.value)
}

function letterOf(row: Row): DeadLetter {
  const { id, tenant, at, stage, topic, partition, offset, cause, detail, notification_id, key, value } = row
  return {
    id,
    tenant,
    atMs: at,
    stage,
    topic,
    partition,
    offset,
    cause,
    detail,
    notificationId: notification_id,
    key,
    value,
    headers: JSON.parse(row.headers) as Record<string, string>,
    replays: row.replays,
  }
}
