/** The list of records: newest first; those of the same millisecond by id, the greatest first. */
import type { Filter, Sort } from 'mongodb'
import type { Page, RecordQuery } from '../../../ingress/ports.js'
import type { NotificationRecord } from '../../../schemas/record.js'
import { showRecord } from '../../../stages/record/show.js'
import { areRare, askedRecords, cursorAt, pageOf, placeOf } from '../pages.js'
import type { Mongo } from './connection.js'
import { recordCollection, type StoredRecord, stateOf } from './record-document.js'

type Place = readonly [createdAtMs: number, id: string]

const newestFirst: Sort = { createdAt: -1, _id: -1 }

/** Looks at `lookedAt` documents that an index found, at most. A page that has found less than its limit by then ends
 *  there, with a cursor to go on. */
export async function listRecords(
  mongo: Mongo,
  query: RecordQuery,
  lookedAt: number,
): Promise<Page<NotificationRecord>> {
  const { limit, cursor } = query
  const asked = askedRecords(query)
  const before = placeOf<[number, string]>(asked, cursor, [0, ''])
  const { indexed, rest } = filtersOf(query, before)
  const { found, end } = await mongo.run('list records', () =>
    rest ? sift(mongo, indexed, rest, limit + 1, lookedAt) : take(mongo, indexed, limit + 1),
  )
  const page = pageOf(
    found,
    limit,
    (document) => showRecord(stateOf(document)),
    (document) => cursorAt(asked, placeOfDocument(document)),
  )
  return { data: page.data, nextCursor: page.nextCursor ?? (end && cursorAt(asked, end)) }
}

interface Found {
  readonly found: readonly StoredRecord[]
  /** Where the search was given up; null: there are no more. */
  readonly end: Place | null
}

async function take(mongo: Mongo, indexed: Filter<StoredRecord>, limit: number): Promise<Found> {
  const records = mongo.collection<StoredRecord>(recordCollection)
  return { found: await records.find(indexed).sort(newestFirst).limit(limit).toArray(), end: null }
}

/** Takes those of the first documents that pass the rest of the filter. */
async function sift(
  mongo: Mongo,
  indexed: Filter<StoredRecord>,
  rest: Filter<StoredRecord>,
  limit: number,
  lookedAt: number,
): Promise<Found> {
  const records = mongo.collection<StoredRecord>(recordCollection)
  const stages = [
    { $match: indexed },
    { $sort: newestFirst },
    { $limit: lookedAt },
    { $match: rest },
    { $limit: limit },
  ]
  const found = await records.aggregate<StoredRecord>(stages).toArray()
  if (found.length >= limit) return { found, end: null }
  const [last] = await records
    .find(indexed, { projection: { createdAt: 1 } })
    .sort(newestFirst)
    .skip(lookedAt - 1)
    .limit(1)
    .toArray()
  return { found, end: last ? placeOfDocument(last) : null }
}

function placeOfDocument({ createdAt, _id }: Pick<StoredRecord, 'createdAt' | '_id'>): Place {
  return [createdAt.getTime(), _id]
}

/** `indexed` is what an index of indexes.ts answers; `rest`, if any, is looked for in what it found. */
function filtersOf(query: RecordQuery, before: Place | undefined) {
  const [found, ...others] = namedIn(query)
  const { tenant, channel } = query
  const rest: Filter<StoredRecord> = Object.assign({}, ...others, channel !== undefined && { channels: channel })
  const indexed: Filter<StoredRecord> = {
    tenant,
    ...found,
    ...within(query, before),
    ...(before && { $or: [{ createdAt: { $lt: new Date(before[0]) } }, { _id: { $lt: before[1] } }] }),
  }
  return { indexed, rest: Object.keys(rest).length > 0 ? rest : null }
}

/** The filters that have an index, the one that leaves the least to look through first. */
function namedIn({ recipient, statuses, origin }: RecordQuery): readonly Filter<StoredRecord>[] {
  const byRecipient = recipient !== undefined && { recipient }
  const byStatus = statuses && { status: { $in: statuses } }
  const byOrigin = origin !== undefined && { 'asked.origin': origin }
  const inOrder = statuses && areRare(statuses) ? [byStatus, byOrigin] : [byOrigin, byStatus]
  return [byRecipient, ...inOrder].filter((filter) => filter !== false && filter !== undefined)
}

function within({ fromMs, toMs }: RecordQuery, before: Place | undefined): Filter<StoredRecord> {
  if (fromMs === undefined && toMs === undefined && !before) return {}
  return {
    createdAt: {
      ...(fromMs !== undefined && { $gte: new Date(fromMs) }),
      ...(toMs !== undefined && { $lt: new Date(toMs) }),
      ...(before && { $lte: new Date(before[0]) }),
    },
  }
}
