/** Watches the record store fill, over a connection that only reads. */
import { setTimeout as delay } from 'node:timers/promises'
import { Database } from '../pipeline/sqlite/database.js'
import { finalStatusList } from '../pipeline/sqlite/record-row.js'
import { monotonicMs } from './monotonic-clock.js'

const lookEveryMs = 20
/** A run that records nothing for so long is given up. */
const patienceMs = 30_000

/** Resolves with the time on the monotonic clock when the first `count` records have ended; when nothing moves any
 *  more, with the time of the last move. */
export async function allRecorded(
  databaseFile: string,
  count: number,
  progress: (ended: number) => void,
): Promise<number> {
  const database = new Database(databaseFile, { readOnly: true })
  // Rows are numbered from 1 in the order of acceptance: each look begins where the last one met an open one.
  const firstOpen = database.prepare(
    `SELECT seq FROM store_records WHERE seq > ? AND status NOT IN (${finalStatusList}) ORDER BY seq LIMIT 1`,
  )
  let ended = 0
  let movedMs = monotonicMs()
  try {
    while (ended < count && monotonicMs() - movedMs < patienceMs) {
      await delay(lookEveryMs)
      const open = firstOpen.get(ended) as { seq: number } | undefined
      const now = open ? open.seq - 1 : count
      if (now === ended) continue
      ended = now
      movedMs = monotonicMs()
      progress(ended)
    }
    return movedMs
  } finally {
    database.close()
  }
}
