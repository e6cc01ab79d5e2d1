/** In-app inboxes, newest accepted first.
 *
 *  Arrivals are told by the clock of whoever put them: see arrival-place.ts. So `arrivals` may miss a message of a process
 *  whose clock is behind by more than the look-back there, and gives each other one once. The list has all. */
import type { Arrival, Inbox, InboxMessage } from '../../../ingress/ports.js'
import type { InboxEntry, InboxStore } from '../../../stages/deliver/providers/inbox.js'
import { rfc3339 } from '../../../stages/record/rfc3339.js'
import { askedArrivals, askedInbox, cursorAt, pageOf, placeOf, unreadCounted } from '../pages.js'
import {
  type ArrivalPlace,
  type Arrived,
  arrivalsIn,
  beforeAll,
  maxGiven,
  placeAfter,
  readPlace,
  writePlace,
} from './arrival-place.js'
import type { Mongo } from './connection.js'
import { documentId, inserted } from './documents.js'

export const inboxCollection = 'inbox'

interface InboxDocument {
  readonly _id: string
  readonly tenant: string
  readonly recipient: string
  readonly id: string
  readonly notificationId: string
  readonly title: string | null
  readonly body: string
  /** JSON object; left out where it is empty. */
  readonly metadata?: string
  readonly acceptedAt: Date
  /** When it was put. Messages of earlier versions have none: they are no arrivals. */
  readonly arrivedAt?: Date
  /** There until it is read: what the index of unread messages holds. */
  readonly unread?: true
  readonly readAt?: Date
}

/** Both ports. `nowMs`: milliseconds since the epoch. */
export function inboxStore(mongo: Mongo, nowMs: () => number): Inbox & InboxStore {
  const inbox = mongo.collection<InboxDocument>(inboxCollection)
  return {
    ...arrivalReader(mongo, nowMs),
    async list(tenant, recipient, limit, cursor) {
      const asked = askedInbox(tenant, recipient)
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
        await inserted(inbox.insertOne(documentOf(entry, nowMs())))
      }),
    // The first reading counts, also where readings arrive in another order.
    markRead: (tenant, recipient, messageId, atMs) =>
      mongo.run('mark a message as read', async () => {
        const read = { $min: { readAt: new Date(atMs) }, $unset: { unread: true as const } }
        return (await inbox.updateOne({ _id: documentId(tenant, messageId), recipient }, read)).matchedCount > 0
      }),
  }
}

function arrivalReader(mongo: Mongo, nowMs: () => number): Pick<Inbox, 'arrivals' | 'lastArrival'> {
  const inbox = mongo.collection<InboxDocument>(inboxCollection)
  return {
    async arrivals(tenant, recipient, after, limit) {
      const asked = askedArrivals(tenant, recipient)
      const place = readPlace(asked, after)
      const most = limit + place.given.size
      const found = await mongo.run('read what arrived in an inbox', () =>
        inbox
          .find({ tenant, recipient, ...arrivedAfter(place) })
          .sort({ arrivedAt: 1, id: 1 })
          .limit(most)
          .toArray(),
      )
      const read = found.map((document) => ({ ...arrivedOf(document), document }))
      const arrived = arrivalsIn(read, place, { limit, complete: found.length < most, nowMs: nowMs() })
      return arrived.map((one): Arrival => {
        return { message: messageOf(one.message.document), place: writePlace(asked, one.place) }
      })
    },
    async lastArrival(tenant, recipient) {
      const found = await mongo.run('find the end of an inbox', () =>
        inbox
          .find({ tenant, recipient, ...arrivedAfter(beforeAll) }, { projection: { id: 1, arrivedAt: 1 } })
          .sort({ arrivedAt: -1, id: -1 })
          .limit(maxGiven + 1)
          .toArray(),
      )
      const given = found.map(arrivedOf).reverse()
      const place = placeAfter(beforeAll, { given, next: undefined, complete: true }, nowMs())
      return writePlace(askedArrivals(tenant, recipient), place)
    },
  }
}

function arrivedOf({ id, arrivedAt }: InboxDocument): Arrived {
  return { id, arrivedAtMs: arrivedAt?.getTime() ?? 0 }
}

function arrivedAfter({ floor: { id, arrivedAtMs } }: ArrivalPlace) {
  const arrivedAt = new Date(arrivedAtMs)
  return { arrivedAt: { $gte: arrivedAt }, $or: [{ arrivedAt: { $gt: arrivedAt } }, { id: { $gt: id } }] }
}

function olderThan(acceptedAt: Date, id: string) {
  return { acceptedAt: { $lte: acceptedAt }, $or: [{ acceptedAt: { $lt: acceptedAt } }, { id: { $lt: id } }] }
}

function documentOf({ acceptedAtMs, metadata, ...entry }: InboxEntry, nowMs: number): InboxDocument {
  return {
    _id: documentId(entry.tenant, entry.id),
    ...entry,
    ...(metadata !== '{}' && { metadata }),
    acceptedAt: new Date(acceptedAtMs),
    arrivedAt: new Date(nowMs),
    unread: true,
  }
}

function messageOf({ id, notificationId, title, body, metadata, acceptedAt, readAt }: InboxDocument): InboxMessage {
  return {
    id,
    notificationId,
    ...(title !== null && { title }),
    body,
    at: rfc3339(acceptedAt.getTime()),
    ...(readAt && { readAt: rfc3339(readAt.getTime()) }),
    ...(metadata !== undefined && { metadata: JSON.parse(metadata) as unknown }),
  }
}
