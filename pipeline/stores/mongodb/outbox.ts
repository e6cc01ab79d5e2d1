/** What would have been sent, had there been a provider: the newest messages (retention.ts removes the others). */
import { ObjectId } from 'mongodb'
import type { Outbox } from '../../../ingress/ports.js'
import type { OutboxEntry, OutboxStore } from '../../../stages/deliver/providers/outbox.js'
import { outboxMessage } from '../outbox-message.js'
import { cursorAt, pageOf, placeOf } from '../pages.js'
import type { Mongo } from './connection.js'
import { documentId, inserted } from './documents.js'

export const outboxCollection = 'outbox'

export interface OutboxDocument extends OutboxEntry {
  readonly _id: string
  /** The order: by the second in which it was kept, and for each process in the order of keeping. */
  readonly place: ObjectId
}

/** Both ports. */
export function outboxStore(mongo: Mongo): Outbox & OutboxStore {
  const outbox = mongo.collection<OutboxDocument>(outboxCollection)
  return {
    async list(tenant, limit, cursor) {
      const asked = ['outbox', tenant]
      const before = placeOf<[string]>(asked, cursor, [''])
      const older = before && { place: { $lt: ObjectId.createFromHexString(before[0]) } }
      const found = await mongo.run('list the outbox', () =>
        outbox
          .find({ tenant, ...older })
          .sort({ place: -1 })
          .limit(limit + 1)
          .toArray(),
      )
      return pageOf(found, limit, outboxMessage, ({ place }) => cursorAt(asked, [place.toHexString()]))
    },
    put: (entry) =>
      mongo.run('write to the outbox', async () => {
        await inserted(outbox.insertOne({ _id: documentId(entry.tenant, entry.id), place: new ObjectId(), ...entry }))
      }),
  }
}
