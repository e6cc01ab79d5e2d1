/** In-app inboxes, newest accepted first. */
import type { Inbox, InboxMessage } from '../../../ingress/ports.js'
import type { InboxEntry, InboxStore } from '../../../stages/deliver/providers/inbox.js'
import { rfc3339 } from '../../../stages/record/rfc3339.js'
import type { Database } from '../../logs/sqlite/database.js'
import { askedArrivals, askedInbox, cursorAt, pageOf, placeOf, unreadCounted } from '../pages.js'

/** Writes inboxes; to be called inside `Database.write`. */
export interface InboxWriter {
  /** Keeps the message, unless one of its id is there. */
  put(entry: InboxEntry): void
  /** The first reading counts. False for an unknown message. */
  markRead(tenant: string, recipient: string, messageId: string, atMs: number): boolean
}

interface Row {
  /** Grows with each arrival. */
  readonly seq: number
  readonly id: string
  readonly notification_id: string
  readonly title: string | null
  readonly body: string
  /** JSON object. */
  readonly metadata: string
  readonly accepted_at: number
  readonly read_at: number | null
}

const select = `SELECT seq, id, notification_id, title, body, metadata, accepted_at, read_at FROM store_inbox
  WHERE tenant = ? AND recipient = ?`
const selectSeq = 'SELECT seq FROM store_inbox WHERE tenant = ? AND recipient = ?'
const countUnread = `SELECT count(*) AS unread FROM (${selectSeq} AND (read_at IS NULL) = 1 LIMIT ${unreadCounted})`
const selectArrived = amongAll((half) => `${select} AND ${half} AND seq > ? ORDER BY seq LIMIT ?`, 'seq LIMIT ?')
const selectLatest = amongAll((half) => `${selectSeq} AND ${half} ORDER BY seq DESC LIMIT 1`, 'seq DESC LIMIT 1')

/** There is one writer, so what is read after a message's number has all arrived after it. */
export function inboxReader(database: Database): Omit<Inbox, 'markRead'> {
  return {
    list: async (tenant, recipient, limit, cursor) =>
      database.read(() => {
        const asked = askedInbox(tenant, recipient)
        const after = placeOf<[number, string]>(asked, cursor, [0, ''])
        const older = after ? 'AND (accepted_at, id) < (?, ?)' : ''
        const found = database
          .prepare(`${select} ${older} ORDER BY accepted_at DESC, id DESC LIMIT ?`)
          .all(tenant, recipient, ...(after ?? []), limit + 1) as unknown as Row[]
        const page = pageOf(found, limit, messageOf, (row) => cursorAt(asked, [row.accepted_at, row.id]))
        return { ...page, ...(database.prepare(countUnread).get(tenant, recipient) as { unread: number }) }
      }),
    arrivals: async (tenant, recipient, after, limit) =>
      database.read(() => {
        const inbox = askedArrivals(tenant, recipient)
        const [seq] = placeOf<[number]>(inbox, after, [0]) ?? [0]
        const wanted = [tenant, recipient, seq, limit]
        const found = database.prepare(selectArrived).all(...wanted, ...wanted, limit) as unknown as Row[]
        return found.map((row) => ({ message: messageOf(row), place: cursorAt(inbox, [row.seq]) }))
      }),
    lastArrival: async (tenant, recipient) =>
      database.read(() => {
        const found = database.prepare(selectLatest).get(tenant, recipient, tenant, recipient) as
          | { seq: number }
          | undefined
        return cursorAt(askedArrivals(tenant, recipient), [found?.seq ?? 0])
      }),
  }
}

/** `nowMs`: milliseconds since the epoch. */
export function inboxWriter(database: Database, nowMs: () => number): InboxWriter {
  const insert = database.prepare(
    `INSERT INTO store_inbox (tenant, recipient, id, notification_id, title, body, metadata, accepted_at,
       arrived_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  )
  const read = database.prepare(
    'UPDATE store_inbox SET read_at = coalesce(read_at, ?) WHERE tenant = ? AND recipient = ? AND id = ?',
  )
  return {
    put: ({ tenant, recipient, id, notificationId, title, body, metadata, acceptedAtMs }) => {
      insert.run(tenant, recipient, id, notificationId, title, body, metadata, acceptedAtMs, nowMs())
    },
    markRead: (tenant, recipient, messageId, atMs) => read.run(atMs, tenant, recipient, messageId).changes > 0,
  }
}

/** Both ports, on the one database that can write. A put is synced with the step that tells of it. */
export function inboxStore(database: Database, nowMs: () => number): Inbox & InboxStore {
  const writer = inboxWriter(database, nowMs)
  return {
    ...inboxReader(database),
    put: (entry) => database.write(() => writer.put(entry), false),
    markRead: (tenant, recipient, messageId, atMs) =>
      database.write(() => writer.markRead(tenant, recipient, messageId, atMs), true),
  }
}

/** Takes from what is read and from what is unread, for the index of arrivals tells them apart. */
function amongAll(from: (half: string) => string, order: string): string {
  const halves = ['(read_at IS NULL) = 0', '(read_at IS NULL) = 1'].map((half) => `SELECT * FROM (${from(half)})`)
  return `${halves.join(' UNION ALL ')} ORDER BY ${order}`
}

function messageOf({ id, notification_id, title, body, metadata, accepted_at, read_at }: Row): InboxMessage {
  return {
    id,
    notificationId: notification_id,
    ...(title !== null && { title }),
    body,
    at: rfc3339(accepted_at),
    ...(read_at !== null && { readAt: rfc3339(read_at) }),
    ...(metadata !== '{}' && { metadata: JSON.parse(metadata) as unknown }),
  }
}
