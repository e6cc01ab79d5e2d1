/** In-app inboxes, newest accepted first. */
import type { Inbox, InboxMessage } from '../../ingress/ports.js'
import type { InboxEntry, InboxStore } from '../../stages/deliver/inbox.js'
import { rfc3339 } from '../../stages/record/rfc3339.js'
import { cursorAt, pageOf, placeOf } from '../pages.js'
import type { Database } from './database.js'

/** Unread messages are counted up to here. */
const unreadCounted = 10_000

/** Writes inboxes; to be called inside `Database.write`. */
export interface InboxWriter {
  /** Keeps the message, unless one of its id is there. */
  put(entry: InboxEntry): void
  /** The first reading counts. False for an unknown message. */
  markRead(tenant: string, recipient: string, messageId: string, atMs: number): boolean
}

interface Row {
  readonly id: string
  readonly notification_id: string
  readonly title: string | null
  readonly body: string
  readonly accepted_at: number
  readonly read_at: number | null
}

export function inboxReader(database: Database): Pick<Inbox, 'list'> {
  const select = `SELECT id, notification_id, title, body, accepted_at, read_at FROM store_inbox
    WHERE tenant = ? AND recipient = ?`
  const unread = `SELECT count(*) AS unread FROM (SELECT 1 FROM store_inbox
    WHERE tenant = ? AND recipient = ? AND read_at IS NULL LIMIT ${unreadCounted})`
  return {
    list: async (tenant, recipient, limit, cursor) =>
      database.read(() => {
        const asked = ['inbox', tenant, recipient]
        const after = placeOf<[number, string]>(asked, cursor, [0, ''])
        const older = after ? 'AND (accepted_at, id) < (?, ?)' : ''
        const found = database
          .prepare(`${select} ${older} ORDER BY accepted_at DESC, id DESC LIMIT ?`)
          .all(tenant, recipient, ...(after ?? []), limit + 1) as unknown as Row[]
        const page = pageOf(found, limit, messageOf, (row) => cursorAt(asked, [row.accepted_at, row.id]))
        return { ...page, ...(database.prepare(unread).get(tenant, recipient) as { unread: number }) }
      }),
  }
}

export function inboxWriter(database: Database): InboxWriter {
  const insert = database.prepare(
    `INSERT INTO store_inbox (tenant, recipient, id, notification_id, title, body, accepted_at)
     VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  )
  const read = database.prepare(
    'UPDATE store_inbox SET read_at = coalesce(read_at, ?) WHERE tenant = ? AND recipient = ? AND id = ?',
  )
  return {
    put: ({ tenant, recipient, id, notificationId, title, body, acceptedAtMs }) => {
      insert.run(tenant, recipient, id, notificationId, title, body, acceptedAtMs)
    },
    markRead: (tenant, recipient, messageId, atMs) => read.run(atMs, tenant, recipient, messageId).changes > 0,
  }
}

/** Both ports, on the one database that can write. A put is synced with the step that tells of it. */
export function inboxStore(database: Database): Inbox & InboxStore {
  const writer = inboxWriter(database)
  return {
    ...inboxReader(database),
    put: (entry) => database.write(() => writer.put(entry), false),
    markRead: (tenant, recipient, messageId, atMs) =>
      database.write(() => writer.markRead(tenant, recipient, messageId, atMs), true),
  }
}

function messageOf({ id, notification_id, title, body, accepted_at, read_at }: Row): InboxMessage {
  return {
    id,
    notificationId: notification_id,
    ...(title !== null && { title }),
    body,
    at: rfc3339(accepted_at),
    ...(read_at !== null && { readAt: rfc3339(read_at) }),
  }
}
