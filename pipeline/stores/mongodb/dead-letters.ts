/** Dead letters with their original bytes. */
import { Binary, type Filter } from 'mongodb'
import type { DeadLetterFilter, DeadLetterRecord } from '../../../ingress/ports.js'
import type { DeadLetter } from '../../../schemas/events.js'
import { type DeadLetterReader, deadLetterCount, deadLetterRecord } from '../dead-letter-store.js'
import { cursorAt, pageOf, placeOf } from '../pages.js'
import type { Mongo } from './connection.js'
import { bulkOperations, writeUnordered } from './documents.js'

export const deadLetterCollection = 'deadLetters'

export interface DeadLetterShelf extends DeadLetterReader {
  /** Keeps the letters; those that are there already stay as they are. */
  putAll(letters: readonly DeadLetter[]): Promise<void>
  /** Marks a dead letter. False when it was marked before, or is unknown: so that it is replayed once. */
  mark(id: string, status: 'replayed' | 'parked'): Promise<boolean>
}

type Plain = Omit<DeadLetter, 'id' | 'atMs' | 'key' | 'value' | 'headers'>

interface DeadLetterDocument extends Plain {
  readonly _id: string
  readonly at: Date
  readonly status: DeadLetterRecord['status']
  readonly key?: Binary | null
  readonly value?: Binary | null
  /** JSON: their names may hold what field names may not. */
  readonly headers: string
}

export function deadLetterShelf(mongo: Mongo): DeadLetterShelf {
  const letters = mongo.collection<DeadLetterDocument>(deadLetterCollection)
  return {
    async list({ limit, cursor, ...query }) {
      const { stage, cause, status, fromMs, toMs } = query
      const asked = ['dead-letters', stage, cause, status, fromMs, toMs]
      const before = placeOf<[number, string]>(asked, cursor, [0, ''])
      const older = before && olderThan(new Date(before[0]), before[1])
      const filter = older ? { $and: [filterOf(query), older] } : filterOf(query)
      const found = await mongo.run('list dead letters', () =>
        letters
          .find(filter, { projection: { key: 0, value: 0 } })
          .sort({ at: -1, _id: -1 })
          .limit(limit + 1)
          .toArray(),
      )
      const show = (document: DeadLetterDocument) => deadLetterRecord(letterOf(document), document.status)
      return pageOf(found, limit, show, ({ at, _id }) => cursorAt(asked, [at.getTime(), _id]))
    },
    count: (query, most) =>
      mongo.run('count dead letters', async () => {
        const groups = await letters
          .aggregate<Group>([
            { $match: filterOf(query) },
            { $limit: most },
            { $group: { _id: { stage: '$stage', cause: '$cause' }, count: { $sum: 1 } } },
          ])
          .toArray()
        return deadLetterCount(
          groups.map(({ _id: { stage, cause }, count }) => ({ stage, cause, count })),
          most,
        )
      }),
    get: (id) =>
      mongo.run('read a dead letter', async () => {
        const document = await letters.findOne({ _id: id })
        if (!document) return undefined
        const letter = letterOf(document)
        return { record: deadLetterRecord(letter, document.status, letter.value), letter }
      }),
    putAll: (all) =>
      mongo.run('keep dead letters', async () => {
        for (let at = 0; at < all.length; at += bulkOperations) {
          const some = all.slice(at, at + bulkOperations)
          await writeUnordered(
            letters,
            some.map((letter) => ({ insertOne: { document: documentOf(letter) } })),
          )
        }
      }),
    mark: (id, status) =>
      mongo.run('mark a dead letter', async () => {
        return (await letters.updateOne({ _id: id, status: 'dead' }, { $set: { status } })).matchedCount > 0
      }),
  }
}

interface Group {
  readonly _id: { readonly stage: string; readonly cause: string }
  readonly count: number
}

function filterOf({ stage, cause, status, fromMs, toMs }: DeadLetterFilter): Filter<DeadLetterDocument> {
  const at = {
    ...(fromMs !== undefined && { $gte: new Date(fromMs) }),
    ...(toMs !== undefined && { $lt: new Date(toMs) }),
  }
  return {
    ...(stage !== undefined && { stage }),
    ...(cause !== undefined && { cause }),
    ...(status !== undefined && { status }),
    ...(Object.keys(at).length > 0 && { at }),
  }
}

function olderThan(at: Date, id: string): Filter<DeadLetterDocument> {
  return { at: { $lte: at }, $or: [{ at: { $lt: at } }, { _id: { $lt: id } }] }
}

function documentOf({ id, atMs, key, value, headers, ...plain }: DeadLetter): DeadLetterDocument {
  return {
    _id: id,
    at: new Date(atMs),
    status: 'dead',
    ...plain,
    key: key && new Binary(key),
    value: value && new Binary(value),
    headers: JSON.stringify(headers),
  }
}

function letterOf({ _id, at, status: _, key, value, headers, ...plain }: DeadLetterDocument): DeadLetter {
  return {
    ...plain,
    id: _id,
    atMs: at.getTime(),
    key: key?.buffer ?? null,
    value: value?.buffer ?? null,
    headers: JSON.parse(headers) as Record<string, string>,
  }
}
