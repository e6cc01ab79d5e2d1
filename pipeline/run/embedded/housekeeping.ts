/** Throws away what is past its time, in small bites between the stages' work. */
import type { Config } from '../../config/config.js'
import type { SqliteLog } from '../../logs/sqlite/log.js'

/** A store that can forget. */
export interface Prunable {
  /** Removes a bite of what is past its time; true when there was enough for another. */
  prune(): Promise<boolean>
}

const everyMs = 10_000
const betweenBitesMs = 20

export function startHousekeeping(
  retention: Config['retention'],
  log: SqliteLog,
  stores: Prunable,
  nowMs: () => number,
): { stop(): void } {
  let timer: NodeJS.Timeout | null = null
  let stopped = false
  schedule(everyMs)
  return {
    stop() {
      stopped = true
      if (timer) clearTimeout(timer)
    },
  }

  function schedule(ms: number): void {
    if (stopped) return
    timer = setTimeout(() => void bite(), ms)
    timer.unref()
  }

  async function bite(): Promise<void> {
    try {
      const now = nowMs()
      const limits = { nowMs: now, olderThanMs: now - retention.logHours * 3_600_000, bytes: retention.logBytes }
      const more = await Promise.all([log.prune(limits), stores.prune()])
      schedule(more.includes(true) ? betweenBitesMs : everyMs)
    } catch {
      // The disk is full or the file is locked: what is to be thrown away waits.
      schedule(everyMs)
    }
  }
}
