/** Removes what is old, in bites, so that nobody waits for it. MongoDB's own expiry (indexes.ts) removes the same, but
 *  for the outbox; where there is none, this is all there is. */
import type { Document, Filter } from 'mongodb'
import { claimWindowMs, type Retention } from '../retention.js'
import { claimCollection } from './claims.js'
import type { Mongo } from './connection.js'
import { deadLetterCollection } from './dead-letters.js'
import { inboxCollection } from './inbox.js'
import { type OutboxDocument, outboxCollection } from './outbox.js'
import { recordCollection } from './record-document.js'

/** Documents that one call removes of each kind, at most. */
const biteDocuments = 500

/** To be called now and then. True when there may be more to remove. `nowMs`: milliseconds since the epoch. */
export type Prune = (nowMs: number) => Promise<boolean>

/** A document that goes by its age: the field of its time, and how long after it. A document without it stays. */
export interface Expiry {
  readonly collection: string
  readonly field: string
  readonly afterMs: number
}

export function expiries({ recordsMs, inboxMs, deadLettersMs }: Retention): readonly Expiry[] {
  return [
    { collection: recordCollection, field: 'endedFrom', afterMs: recordsMs },
    { collection: claimCollection, field: 'createdAt', afterMs: claimWindowMs },
    { collection: inboxCollection, field: 'arrivedAt', afterMs: inboxMs },
    { collection: deadLetterCollection, field: 'at', afterMs: deadLettersMs },
  ]
}

export function retention(mongo: Mongo, limits: Retention): Prune {
  return (nowMs) =>
    mongo.run('remove what is old', async () => {
      let more = await removeSurplus(mongo, limits.outboxRows)
      for (const { collection, field, afterMs } of expiries(limits)) {
        const old = { [field]: { $lt: new Date(nowMs - afterMs) } }
        if (await removeBite(mongo, collection, old, { [field]: 1 })) more = true
      }
      return more
    })
}

async function removeSurplus(mongo: Mongo, kept: number): Promise<boolean> {
  const outbox = mongo.collection<OutboxDocument>(outboxCollection)
  const [surplus] = await outbox
    .find()
    .sort({ place: -1 })
    .skip(kept)
    .limit(1)
    .project<OutboxDocument>({ place: 1 })
    .toArray()
  if (!surplus) return false
  return removeBite(mongo, outboxCollection, { place: { $lte: surplus.place } }, { place: 1 })
}

/** The filter is asked again when the documents go: a record that has changed meanwhile stays. */
async function removeBite(
  mongo: Mongo,
  name: string,
  old: Filter<Document>,
  oldestFirst: Record<string, 1>,
): Promise<boolean> {
  const collection = mongo.collection<Document>(name)
  const found = await collection
    .find(old, { projection: { _id: 1 } })
    .sort(oldestFirst)
    .limit(biteDocuments)
    .toArray()
  if (found.length > 0) await collection.deleteMany({ _id: { $in: found.map(({ _id }) => _id) }, ...old })
  return found.length === biteDocuments
}
