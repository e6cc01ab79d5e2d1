/** The indexes, made at start. Those of age are MongoDB's own expiry too. */
import { type CreateIndexesOptions, type IndexSpecification, MongoServerError } from 'mongodb'
import { Unavailable } from '../../../schemas/errors.js'
import type { Retention } from '../retention.js'
import type { Mongo } from './connection.js'
import { deadLetterCollection } from './dead-letters.js'
import { inboxCollection } from './inbox.js'
import { outboxCollection } from './outbox.js'
import { recordCollection } from './record-document.js'
import { expiries } from './retention.js'
import { statsCollection } from './stats.js'
import { templateCollection } from './templates.js'

/** Some indexes could not be made; the message names them. Without them lists are slow or nothing expires, but nothing
 *  is wrong: uniqueness rests on `_id` alone. */
export class IndexesFailed extends Error {
  override readonly name = 'IndexesFailed'
  readonly code = 'indexes-failed'
}

export interface Index {
  readonly collection: string
  readonly name: string
  readonly key: IndexSpecification
  readonly options?: CreateIndexesOptions
}

const fixed: readonly Index[] = [
  { collection: recordCollection, name: 'newest', key: { tenant: 1, createdAt: -1, _id: -1 } },
  { collection: recordCollection, name: 'recipient', key: { tenant: 1, recipient: 1, createdAt: -1, _id: -1 } },
  { collection: recordCollection, name: 'status', key: { tenant: 1, status: 1, createdAt: -1, _id: -1 } },
  { collection: recordCollection, name: 'origin', key: { tenant: 1, 'asked.origin': 1, createdAt: -1, _id: -1 } },
  {
    collection: recordCollection,
    name: 'batch',
    key: { tenant: 1, batchId: 1 },
    options: { partialFilterExpression: { batchId: { $exists: true } } },
  },
  { collection: statsCollection, name: 'tenant', key: { tenant: 1, channel: 1 } },
  { collection: templateCollection, name: 'id', key: { tenant: 1, id: 1 } },
  { collection: inboxCollection, name: 'newest', key: { tenant: 1, recipient: 1, acceptedAt: -1, id: -1 } },
  { collection: inboxCollection, name: 'arrivals', key: { tenant: 1, recipient: 1, arrivedAt: 1, id: 1 } },
  {
    collection: inboxCollection,
    name: 'unread',
    key: { tenant: 1, recipient: 1, unread: 1 },
    options: { partialFilterExpression: { unread: true } },
  },
  { collection: outboxCollection, name: 'newest', key: { tenant: 1, place: -1 } },
  { collection: outboxCollection, name: 'oldest', key: { place: 1 } },
  { collection: deadLetterCollection, name: 'newest', key: { at: -1, _id: -1 } },
  { collection: deadLetterCollection, name: 'stage', key: { stage: 1, at: -1, _id: -1 } },
  { collection: deadLetterCollection, name: 'cause', key: { cause: 1, at: -1, _id: -1 } },
  { collection: deadLetterCollection, name: 'status', key: { status: 1, at: -1, _id: -1 } },
]

/** All of them. `expire`: false where only `retention` is to remove what is old. */
export function indexesFor(limits: Retention, expire: boolean): readonly Index[] {
  const byAge = expiries(limits).map(({ collection, field, afterMs }) => ({
    collection,
    name: 'age',
    key: { [field]: 1 as const },
    options: expire ? { expireAfterSeconds: Math.ceil(afterMs / 1000) } : {},
  }))
  return [...fixed, ...byAge]
}

/** Makes what is missing, and brings expiry up to date. Rejects with `IndexesFailed` after trying each, or with
 *  `Unavailable`: on a large collection an index takes longer than a call may, and is found made by a later one. */
export async function ensureIndexes(mongo: Mongo, indexes: readonly Index[]): Promise<void> {
  const failures: string[] = []
  for (const index of indexes) {
    const what = `make the index ${index.collection}.${index.name}`
    try {
      await mongo.run(what, () => ensureIndex(mongo, index))
    } catch (error) {
      if (error instanceof Unavailable) throw error
      failures.push(error instanceof Error ? error.message : what)
    }
  }
  if (failures.length > 0) throw new IndexesFailed(failures.join('\n'))
}

/** The index is there with other options, or goes by other fields, as an earlier version had it. */
const optionsConflict = 85
const fieldsConflict = 86

async function ensureIndex(mongo: Mongo, { collection, name, key, options = {} }: Index): Promise<void> {
  try {
    await mongo.collection(collection).createIndex(key, { name, ...options })
  } catch (error) {
    const { expireAfterSeconds } = options
    if (error instanceof MongoServerError && error.code === fieldsConflict) {
      await mongo.collection(collection).dropIndex(name)
      await mongo.collection(collection).createIndex(key, { name, ...options })
      return
    }
    const conflicts = error instanceof MongoServerError && error.code === optionsConflict
    if (!conflicts || expireAfterSeconds === undefined) throw error
    await mongo.db.command({ collMod: collection, index: { name, expireAfterSeconds } })
  }
}
