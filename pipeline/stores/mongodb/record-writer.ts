/** Writes records.
 *
 *  Invariant: no status event is lost or counted twice, whoever else writes. A document is replaced only if it is still
 *  as it was read; a writer that loses this race merges its events again, into what the winner stored. The merge is
 *  commutative and idempotent, so it needs no transaction, and a batch may be written again after any failure. */
import { randomUUID } from 'node:crypto'
import type { AnyBulkWriteOperation, Collection } from 'mongodb'
import { Unavailable } from '../../../schemas/errors.js'
import type { NotificationRequested, NotificationStatus } from '../../../schemas/events.js'
import type { Merged } from '../../../stages/record/changes.js'
import { groupByNotification, mergeRecord } from '../../../stages/record/merge.js'
import { acceptedState } from '../../../stages/record/state.js'
import { summaryOf } from '../../../stages/summary.js'
import { packProgress } from '../record-progress.js'
import type { Mongo } from './connection.js'
import { bulkOperations, documentId, writeUnordered } from './documents.js'
import { documentOf, type RecordDocument, recordCollection, type StoredRecord, stateOf } from './record-document.js'
import { statsTally } from './stats.js'

export interface RecordWriter {
  /** Writes the first record of each notification, with status accepted. It does not change an existing record. */
  insertAccepted(notifications: readonly NotificationRequested[]): Promise<void>
  /** Merges status events, once for each notification. Returns how each record changed, and how earlier calls changed
   *  records before they were rejected. After a rejection some events are stored; the caller merges them all again. */
  mergeStatus(events: readonly NotificationStatus[]): Promise<readonly Merged[]>
}

/** How often a record is merged again because another writer was faster, before the store is reported as too busy. */
const maxRounds = 20
/** How many merges, and how many writes without an answer, are remembered after rejections. It is more than the stage
 *  `record` merges in one batch. */
const maxRemembered = 2000

/** One document to be written. */
interface Plan extends Merged {
  /** The document as it was read. It must still be stored unchanged. */
  readonly known: StoredRecord | undefined
  readonly document: RecordDocument
}

export function recordWriter(mongo: Mongo): RecordWriter {
  const records = mongo.collection<StoredRecord>(recordCollection)
  const tally = statsTally(mongo)
  const mergeAll = recordMerger(records)
  /** What calls merged that were rejected later. The next call that succeeds returns it. */
  let unreported: Merged[] = []

  return {
    insertAccepted: (notifications) =>
      mongo.run('write records', async () => {
        const write = randomUUID()
        for (const some of portions(notifications)) {
          const states = some.map((request) => acceptedState(request.id, request.tenant, summaryOf(request)))
          const operations = states.map((state) => ({ insertOne: { document: documentOf(state, write) } }))
          await writeUnordered(records, operations)
        }
      }),
    async mergeStatus(events) {
      const merged: Merged[] = []
      const written = (merge: Merged): void => {
        tally.count(merge.before, merge.after)
        merged.push(merge)
      }
      const unchanged = (merge: Merged): void => {
        merged.push(merge)
      }
      try {
        await mongo.run('merge records', async () => {
          for (const groups of portions([...groupByNotification(events)])) await mergeAll(groups, written, unchanged)
        })
        await tally.write()
      } catch (error) {
        unreported = [...unreported, ...merged].slice(-maxRemembered)
        throw error
      }
      const all = [...unreported, ...merged]
      unreported = []
      return all
    },
  }
}

/** The status events of one notification. */
type Group = readonly NotificationStatus[]

/** Merges groups into their records until every one is stored. It calls `written` for each record that was replaced,
 *  also for one whose answer an earlier call did not get, and `unchanged` for each that needed no write. */
type MergeAll = (
  groups: readonly Group[],
  written: (merge: Merged) => void,
  unchanged: (merge: Merged) => void,
) => Promise<void>

function recordMerger(records: Collection<StoredRecord>): MergeAll {
  const unanswered = unansweredWrites()

  return async (groups, written, unchanged) => {
    let open = groups
    for (let round = 0; round < maxRounds; round++) {
      const stored = await load(records, open)
      for (const document of stored.values()) {
        const plan = unanswered.takeIfStored(document)
        if (plan) written(mergedBy(plan))
      }
      const plans: Plan[] = []
      for (const group of open) {
        const plan = planOf(group, stored.get(idOf(group)))
        if ('document' in plan) plans.push(plan)
        else unchanged(plan)
      }
      if (plans.length === 0) return
      const lost = await replaceAll(plans)
      for (const [at, plan] of plans.entries()) if (!lost.has(at)) written(mergedBy(plan))
      open = plans.filter((_, at) => lost.has(at)).map(({ events }) => events)
    }
    throw new Unavailable('Too many writers change the same records. Try again in a moment.')
  }

  /** Returns the indexes of the plans whose record another writer has changed since it was read. */
  async function replaceAll(plans: readonly Plan[]): Promise<ReadonlySet<number>> {
    try {
      return await writeUnordered(records, plans.map(operationOf))
    } catch (error) {
      unanswered.remember(plans)
      throw error
    }
  }
}

/** Plans whose write failed, so that nobody knows whether it took effect. The stored document tells when it is read
 *  next. */
function unansweredWrites() {
  const plans = new Map<string, Plan>()
  return {
    remember(failed: readonly Plan[]): void {
      for (const plan of failed) plans.set(plan.document._id, plan)
      for (const id of [...plans.keys()].slice(0, -maxRemembered)) plans.delete(id)
    },
    /** Forgets the document's plan, and returns it if its write is the one that is stored. */
    takeIfStored({ _id, write }: StoredRecord): Plan | undefined {
      const plan = plans.get(_id)
      plans.delete(_id)
      return plan?.document.write === write ? plan : undefined
    },
  }
}

async function load(
  records: Collection<StoredRecord>,
  groups: readonly Group[],
): Promise<ReadonlyMap<string, StoredRecord>> {
  const wanted = { _id: { $in: groups.map(idOf) } }
  const found = await records.find(wanted, { batchSize: bulkOperations }).toArray()
  return new Map(found.map((document) => [document._id, document]))
}

/** An insert, or an upsert by id and write. The upsert fails as a duplicate where another write has replaced the
 *  document, and creates the document again, whole, where it has been deleted. */
function operationOf({ known, document }: Plan): AnyBulkWriteOperation<StoredRecord> {
  if (!known) return { insertOne: { document } }
  const { _id, ...replacement } = document
  return { replaceOne: { filter: { _id, write: known.write }, replacement, upsert: true } }
}

function mergedBy({ events, before, after }: Plan): Merged {
  return { events, before, after }
}

/** What is to be written, or the merge alone where the events change nothing. */
function planOf(events: readonly NotificationStatus[], known: StoredRecord | undefined): Plan | Merged {
  const before = known && stateOf(known)
  const after = mergeRecord(before, events)
  const same = before?.summary === after.summary && packProgress(before) === packProgress(after)
  if (same) return { before, events, after }
  return { known, before, events, after, document: documentOf(after, randomUUID()) }
}

function idOf([event]: readonly NotificationStatus[]): string {
  return event ? documentId(event.tenant, event.notificationId) : ''
}

function* portions<T>(all: readonly T[]): Iterable<readonly T[]> {
  for (let at = 0; at < all.length; at += bulkOperations) yield all.slice(at, at + bulkOperations)
}
