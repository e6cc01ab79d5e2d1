/** Removes what the log no longer needs: segments that every group has acked, once they are old or the file has grown
 *  too large, and state that has expired. */
import type { Database } from './database.js'
import type { Partition, SegmentTable } from './partition-table.js'

export interface LogLimits {
  /** Segments written before this time are removed; in milliseconds since the epoch. */
  readonly olderThanMs: number
  /** While the file is larger than this, acked segments are removed whatever their age. */
  readonly bytes: number
  /** Milliseconds since the epoch. */
  readonly nowMs: number
}

/** How many rows one call removes: a few milliseconds of the writer's time. */
const maxSegments = 64
const maxEntries = 500

/** Removes a bounded number of rows; true when there may be more. */
export async function pruneLog(
  database: Database,
  segments: SegmentTable,
  partitions: readonly Partition[],
  limits: LogLimits,
): Promise<boolean> {
  const removed = await database.write(() => {
    const crowded = fileBytes(database) > limits.bytes
    let left = maxSegments
    for (const partition of partitions) {
      if (left > 0) left -= segments.removeConsumed(partition, crowded ? limits.nowMs : limits.olderThanMs, left)
    }
    return { segments: maxSegments - left, entries: forgetExpired(database, limits.nowMs) }
  }, false)
  return removed.segments === maxSegments || removed.entries === maxEntries
}

function forgetExpired(database: Database, nowMs: number): number {
  const forget = database.prepare(
    `DELETE FROM log_state WHERE (scope, key) IN
       (SELECT scope, key FROM log_state WHERE expires_ms < ? ORDER BY expires_ms LIMIT ${maxEntries})`,
  )
  return Number(forget.run(nowMs).changes)
}

/** Bytes in use. Free pages inside the file do not count, because SQLite uses them again. */
function fileBytes(database: Database): number {
  const pragma = (name: string) =>
    Object.values(database.prepare(`PRAGMA ${name}`).get() as Record<string, number>)[0] ?? 0
  return (pragma('page_count') - pragma('freelist_count')) * pragma('page_size')
}
