/** Dead letters with their original bytes. */
import type { DeadLetterFilter, DeadLetterRecord } from '../../../ingress/ports.js'
import type { DeadLetter } from '../../../schemas/events.js'
import type { Database } from '../../logs/sqlite/database.js'
import { type DeadLetterReader, deadLetterCount, deadLetterRecord } from '../dead-letter-store.js'
import { cursorAt, pageOf, placeOf } from '../pages.js'

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

interface Group {
  readonly stage: string
  readonly cause: string
  readonly count: number
}

const columns = `seq, id, tenant, at, stage, topic, partition, "offset", cause, detail, notification_id, headers, replays,
  status`

export function deadLetterReader(database: Database): DeadLetterReader {
  return {
    list: async ({ limit, cursor, ...filter }) =>
      database.read(() => {
        const { stage, cause, status, fromMs, toMs } = filter
        const asked = ['dead-letters', stage, cause, status, fromMs, toMs]
        const before = placeOf<[number, number]>(asked, cursor, [0, 0])
        const { conditions, values } = conditionsOf(filter)
        if (before) {
          conditions.push('at <= ? AND (at < ? OR seq < ?)')
          values.push(before[0], ...before)
        }
        const sql = `SELECT ${columns} FROM store_dead_letters ${whereAll(conditions)} ORDER BY at DESC, seq DESC LIMIT ?`
        const found = database.prepare(sql).all(...values, limit + 1) as unknown as Row[]
        return pageOf(found, limit, recordOf, ({ at, seq }) => cursorAt(asked, [at, seq]))
      }),
    count: async (filter, most) =>
      database.read(() => {
        const { conditions, values } = conditionsOf(filter)
        const counted = `SELECT stage, cause FROM store_dead_letters ${whereAll(conditions)} LIMIT ?`
        const sql = `SELECT stage, cause, count(*) AS count FROM (${counted}) GROUP BY stage, cause`
        const groups = database.prepare(sql).all(...values, most) as unknown as Group[]
        return deadLetterCount(
          groups.map(({ stage, cause, count }) => ({ stage, cause, count })),
          most,
        )
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

/** Each filter has an index; of several the one that leaves the fewest is to be used. The plus keeps the others from
 *  being taken. */
function conditionsOf({ stage, cause, status, fromMs, toMs }: DeadLetterFilter) {
  const conditions: string[] = []
  const values: (string | number)[] = []
  const add = (condition: string, value: string | number | undefined) => {
    if (value === undefined) return
    conditions.push(condition)
    values.push(value)
  }
  add('cause = ?', cause)
  add(cause === undefined ? 'stage = ?' : '+stage = ?', stage)
  add(cause === undefined && stage === undefined ? 'status = ?' : '+status = ?', status)
  add('at >= ?', fromMs)
  add('at < ?', toMs)
  return { conditions, values }
}

function whereAll(conditions: readonly string[]): string {
  return conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`
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
