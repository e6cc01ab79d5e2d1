/** The stores in one MongoDB database. */
import type { NotificationRequested, NotificationStatus } from '../../../schemas/events.js'
import type { Retention } from '../retention.js'
import { claimStore } from './claims.js'
import { type MongoOptions, openMongo } from './connection.js'
import { deadLetterShelf } from './dead-letters.js'
import { inboxStore } from './inbox.js'
import { ensureIndexes, indexesFor } from './indexes.js'
import { outboxStore } from './outbox.js'
import { directory, recipientStore } from './recipients.js'
import { recordWriter } from './record-writer.js'
import { type RecordReaderOptions, recordReader } from './records.js'
import { rememberedDirectory } from './remembered-recipients.js'
import { retention } from './retention.js'
import { templateSource, templateStore } from './templates.js'

export interface MongoStoreOptions extends MongoOptions, RecordReaderOptions {
  readonly retention: Retention
  /** False where MongoDB's own expiry is not to be used: `prune` removes what is old everywhere. */
  readonly expire?: boolean
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number
}

export type MongoStores = ReturnType<typeof openMongoStores>

/** Does not wait for the server: each call does, within its bound. Throws the driver's `MongoParseError` for a URL that
 *  is none. */
export function openMongoStores(options: MongoStoreOptions) {
  const { retention: limits, expire = true, nowMs } = options
  const mongo = openMongo(options)
  const writer = recordWriter(mongo)
  const prune = retention(mongo, limits)
  return {
    records: recordReader(mongo, options),
    insertAccepted: (notifications: readonly NotificationRequested[]) => writer.insertAccepted(notifications),
    merge: (events: readonly NotificationStatus[]) => writer.mergeStatus(events),
    claims: claimStore(mongo),
    templates: templateStore(mongo),
    templateSource: templateSource(mongo),
    recipients: recipientStore(mongo),
    directory: rememberedDirectory(directory(mongo), { nowMs }),
    inbox: inboxStore(mongo, nowMs),
    outbox: outboxStore(mongo),
    letters: deadLetterShelf(mongo),
    /** Removes a bite of what is past its time; true when there may be more. */
    prune: (): Promise<boolean> => prune(nowMs()),
    /** To be called at start, and again until it resolves. */
    ensureIndexes: () => ensureIndexes(mongo, indexesFor(limits, expire)),
    /** Rejects while MongoDB cannot be reached. */
    ping: async (): Promise<void> => {
      await mongo.run('answer', () => mongo.db.command({ ping: 1 }))
    },
    close: () => mongo.close(),
  }
}
