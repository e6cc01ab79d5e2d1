/** Ids of documents, and the writes that only one of many callers wins. */
import { type AnyBulkWriteOperation, type Collection, type Document, MongoBulkWriteError } from 'mongodb'
import { duplicateKey, isDuplicate } from './errors.js'

/** The `_id` of what a tenant has under a name. A tenant never gets at another's, whatever the names hold. */
export function documentId(tenant: string, name: string): string {
  return `${encodeURIComponent(tenant)}/${name}`
}

/** Operations of one bulk write, at most. */
export const bulkOperations = 500

/** Writes in no order. Returns the places of the operations that failed because a document of their id is there;
 *  throws where anything else failed. */
export async function writeUnordered<T extends Document>(
  collection: Collection<T>,
  operations: readonly AnyBulkWriteOperation<T>[],
): Promise<ReadonlySet<number>> {
  if (operations.length === 0) return new Set()
  try {
    await collection.bulkWrite([...operations], { ordered: false })
    return new Set()
  } catch (error) {
    if (!(error instanceof MongoBulkWriteError) || error.result.getWriteConcernError()) throw error
    const failed = [error.writeErrors].flat()
    if (failed.length === 0 || failed.some(({ code }) => code !== duplicateKey)) throw error
    return new Set(failed.map(({ index }) => index))
  }
}

/** False where one of its id, or of another unique value, is there already. */
export async function inserted(insertion: Promise<unknown>): Promise<boolean> {
  try {
    await insertion
    return true
  } catch (error) {
    if (isDuplicate(error)) return false
    throw error
  }
}
