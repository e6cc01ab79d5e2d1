/** Reads records. */
import type { BatchSummary, Records } from '../../../ingress/ports.js'
import { finalStatuses, type NotificationState } from '../../../schemas/record.js'
import type { Outcomes } from '../../../stages/dedupe/dedupe.js'
import { rfc3339 } from '../../../stages/record/rfc3339.js'
import { showRecord } from '../../../stages/record/show.js'
import type { Mongo } from './connection.js'
import { documentId } from './documents.js'
import { recordCollection, type StoredRecord, stateOf } from './record-document.js'
import { listRecords } from './record-list.js'
import { readStats } from './stats.js'

export interface RecordReaderOptions {
  /** How many documents one page of a list looks at, at most, where no index answers the whole query. A page that has
   *  found less than its limit by then ends there, with a cursor to go on. */
  readonly documentsLookedAt?: number
}

/** Everything of `Records` that is read from the database, and what dedupe asks. */
export type RecordReader = Omit<Records, 'watch'> & Outcomes

export function recordReader(mongo: Mongo, { documentsLookedAt = 20_000 }: RecordReaderOptions = {}): RecordReader {
  const records = mongo.collection<StoredRecord>(recordCollection)
  return {
    get: (tenant, id) =>
      mongo.run('read a record', async () => {
        const document = await records.findOne({ _id: documentId(tenant, id) })
        return document ? showRecord(stateOf(document)) : undefined
      }),
    list: (query) => listRecords(mongo, query, documentsLookedAt),
    batch: (tenant, id) => readBatch(mongo, tenant, id),
    stats: (tenant) => readStats(mongo, tenant),
    endsOf: (tenant, ids) =>
      mongo.run('read how notifications ended', async () => {
        const asked = { _id: { $in: ids.map((id) => documentId(tenant, id)) }, status: { $in: [...finalStatuses] } }
        const found = await records.find(asked, { projection: { id: 1, status: 1 } }).toArray()
        return new Map(found.map(({ id, status }) => [id, status]))
      }),
  }
}

/** A batch has at most some thousand records, so they are counted when asked for. */
async function readBatch(mongo: Mongo, tenant: string, batchId: string): Promise<BatchSummary | undefined> {
  const counts = await mongo.run('count a batch', () =>
    mongo
      .collection<StoredRecord>(recordCollection)
      .aggregate<{ _id: NotificationState; count: number; createdAt: Date }>([
        { $match: { tenant, batchId } },
        { $group: { _id: '$status', count: { $sum: 1 }, createdAt: { $min: '$createdAt' } } },
        { $sort: { _id: 1 } },
      ])
      .toArray(),
  )
  if (counts.length === 0) return undefined
  return {
    batchId,
    total: counts.reduce((sum, { count }) => sum + count, 0),
    createdAt: rfc3339(Math.min(...counts.map(({ createdAt }) => createdAt.getTime()))),
    counts: Object.fromEntries(counts.map(({ _id, count }) => [_id, count])),
  }
}
