/** In-app inboxes, newest accepted first. */
import type { Inbox, InboxMessage } from '../../ingress/ports.js'
import type { InboxEntry, InboxStore } from '../../stages/deliver/inbox.js'
import { rfc3339 } from '../../stages/record/rfc3339.js'
import { cursorAt, pageOf, placeOf } from '../pages.js'
import type { Mongo } from './connection.js'
import { documentId, inserted } from './documents.js'

export const inboxCollection = 'inbox'

/** Unread messages are counted up to here. */
const unreadCounted = 10_000

interface InboxDocument {
  readonly _id: string
  readonly tenant: string
  readonly recipient: string
  readonly id: string
  readonly notificationId: string
  readonly title: string | null
  readonly body: string
  readonly acceptedAt: Date
  /** There until it is read: what the index of unread messages holds. */
  readonly unread?: true
  readonly readAt?: Date
}

/** Both ports. */
export function inboxStore(mongo: Mongo): Inbox & InboxStore {
  const inbox = mongo.collection<InboxDocument>(inboxCollection)
  return {
    async list(tenant, recipient, limit, cursor) {
      const asked = ['inbox', tenant, recipient]
      const before = placeOf<[number, string]>(asked, cursor, [0, ''])
      const [found, unread] = await mongo.run('list an inbox', () =>
        Promise.all([
          inbox
            .find({ tenant, recipient, ...(before && olderThan(new Date(before[0]), before[1])) })
            .sort({ acceptedAt: -1, id: -1 })
            .limit(limit + 1)
            .toArray(),
          inbox.countDocuments({ tenant, recipient, unread: true }, { limit: unreadCounted }),
        ]),
      )
      const page = pageOf(found, limit, messageOf, ({ acceptedAt, id }) => cursorAt(asked, [acceptedAt.getTime(), id]))
      return { ...page, unread }
    },
    put: (entry) =>
      mongo.run('write to an inbox', async () => {
        await inserted(inbox.insertOne(documentOf(entry)))
      }),
    // The first reading counts, also where readings arrive in another order.
    markRead: (tenant, recipient, messageId, atMs) =>
      mongo.run('mark a message as read', async () => {
        const read = { $min: { readAt: new Date(atMs) }, $unset: { unread: true as const } }
        return (await inbox.updateOne({ _id: documentId(tenant, messageId), recipient }, read)).matchedCount > 0
      }),
  }
}

function olderThan(acceptedAt: Date, id: string) {
  return { acceptedAt: { $lte: acceptedAt }, $or: [{ acceptedAt: { $lt: acceptedAt } }, { id: { $lt: id } }] }
}

function documentOf({ tenant, recipient, id, notificationId, title, body, acceptedAtMs }: InboxEntry): InboxDocument {
  const acceptedAt = new Date(acceptedAtMs)
  return { _id: documentId(tenant, id), tenant, recipient, id, notificationId, title, body, acceptedAt, unread: true }
}

function messageOf({ id, notificationId, title, body, acceptedAt, readAt }: InboxDocument): InboxMessage {
  return {
    id,
    notificationId,
    ...(title !== null && { title }),
    body,
    at: rfc3339(acceptedAt.getTime()),
    ...(readAt && { readAt: rfc3339(readAt.getTime()) }),
  }
}
