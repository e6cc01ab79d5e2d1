/** Writes records.
 *
 *  Invariant: no status event is lost or counted twice, whoever else writes: a document is replaced only where it is
 *  still as it was read, and what lost such a race is merged again with what won. The merge cares neither about order
 *  nor about repetition, so no transaction is needed, and a batch may be written again after any failure. */
import { randomUUID } from 'node:crypto'
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
  /** Writes the first record of each, status accepted. One that is there already stays as it is. */
  insertAccepted(notifications: readonly NotificationRequested[]): Promise<void>
  /** Merges status events, each notification once. Returns what that did to each record, also what calls did which were
   *  rejected later. After a rejection some are stored: merging all again is what is to be done. */
  mergeStatus(events: readonly NotificationStatus[]): Promise<readonly Merged[]>
}

/** How often a record is merged again because another writer was faster, before the store counts as too busy. */
const maxRounds = 20
/** Merges, and writes without an answer, that are remembered after rejections: more than a batch of record's. */
const maxRemembered = 2000

/** One replacement. */
interface Plan extends Merged {
  /** What was read, and is to be there still. */
  readonly known: StoredRecord | undefined
  readonly document: RecordDocument
}

export function recordWriter(mongo: Mongo): RecordWriter {
  const records = mongo.collection<StoredRecord>(recordCollection)
  const tally = statsTally(mongo)
  /** Of calls that were rejected later on. */
  let untold: Merged[] = []
  /** Writes whose answer was lost, by document: when the document is read next, it tells. */
  const unanswered = new Map<string, Plan>()

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
      try {
        await mongo.run('merge records', async () => {
          for (const groups of portions([...groupByNotification(events)])) await mergeAll(groups, merged)
        })
        await tally.write()
      } catch (error) {
        untold = [...untold, ...merged].slice(-maxRemembered)
        throw error
      }
      const told = [...untold, ...merged]
      untold = []
      return told
    },
  }

  async function mergeAll(groups: readonly (readonly NotificationStatus[])[], merged: Merged[]): Promise<void> {
    let open = groups
    for (let round = 0; round < maxRounds; round++) {
      const stored = await load(open)
      for (const document of stored.values()) settleUnanswered(document, merged)
      const plans: Plan[] = []
      for (const group of open) {
        const plan = planOf(group, stored.get(idOf(group)))
        if ('document' in plan) plans.push(plan)
        else merged.push(plan)
      }
      if (plans.length === 0) return
      const lost = await replaceAll(plans)
      for (const [at, plan] of plans.entries()) if (!lost.has(at)) won(plan, merged)
      open = plans.filter((_, at) => lost.has(at)).map(({ events }) => events)
    }
    throw new Unavailable('Too many writers change the same records. Try again in a moment.')
  }

  async function load(groups: readonly (readonly NotificationStatus[])[]): Promise<Map<string, StoredRecord>> {
    const wanted = { _id: { $in: groups.map(idOf) } }
    const found = await records.find(wanted, { batchSize: bulkOperations }).toArray()
    return new Map(found.map((document) => [document._id, document]))
  }

  /** Upserts by id and write: where the document is another by now, one fails as a duplicate. Where it is gone by now,
   *  it is made again, whole. Returns the places of those that failed. */
  async function replaceAll(plans: readonly Plan[]): Promise<ReadonlySet<number>> {
    const operations = plans.map(({ known, document }) => {
      if (!known) return { insertOne: { document } }
      const { _id, ...replacement } = document
      return { replaceOne: { filter: { _id, write: known.write }, replacement, upsert: true } }
    })
    try {
      return await writeUnordered(records, operations)
    } catch (error) {
      for (const plan of plans) unanswered.set(plan.document._id, plan)
      for (const id of [...unanswered.keys()].slice(0, -maxRemembered)) unanswered.delete(id)
      throw error
    }
  }

  function settleUnanswered({ _id, write }: StoredRecord, merged: Merged[]): void {
    const plan = unanswered.get(_id)
    if (!plan) return
    unanswered.delete(_id)
    if (plan.document.write === write) won(plan, merged)
  }

  function won({ events, before, after }: Plan, merged: Merged[]): void {
    tally.count(before, after)
    merged.push({ events, before, after })
  }
}

/** What is to be written; where the events change nothing, only what that comes to. */
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
