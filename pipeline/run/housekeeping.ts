/** What is done beside the stages' work: what is past its time is thrown away, in small bites, and a shared store is given
 *  its indexes. Kafka throws away by itself what is past its time in its topics. */
import type { Config } from '../config/config.js'
import type { SqliteLog } from '../logs/sqlite/log.js'
import type { Logger } from '../observe/logging/logging.js'

export interface Housekeeping {
  stop(): void
}

/** A store that can forget. */
interface Prunable {
  /** Removes a bite of what is past its time; true when there was enough for another. */
  prune(): Promise<boolean>
}

/** A store that must be made ready before it is fast. */
interface Preparable {
  prepare(): Promise<void>
}

const everyMs = 10_000
/** On the engine's thread, and in processes that share a store. */
const betweenBitesMs = 20
const betweenSharedBitesMs = 50
/** Between two tries to make the indexes. */
const prepareEveryMs = 5000

/** Of the one file that holds the log and the stores. */
export function keepFile(
  retention: Config['retention'],
  log: SqliteLog,
  stores: Prunable,
  clock: () => number,
): Housekeeping {
  return prune(betweenBitesMs, async () => {
    const nowMs = clock()
    const limits = { nowMs, olderThanMs: nowMs - retention.logHours * 3_600_000, bytes: retention.logBytes }
    const more = await Promise.all([log.prune(limits), stores.prune()])
    return more.includes(true)
  })
}

/** Of a store that processes share: for the one process that does it, or for several. */
export function keepStore(stores: Prunable & Preparable, logger: Logger): Housekeeping {
  const both = [prepareStore(stores, logger), prune(betweenSharedBitesMs, stores.prune)]
  return {
    stop() {
      for (const one of both) one.stop()
    },
  }
}

/** Until it has been done, the store is slow but right. While the store is away it is tried again. */
export function prepareStore(stores: Preparable, logger: Logger): Housekeeping {
  let told = false
  return repeatedly(0, async () => {
    try {
      await stores.prepare()
      return null
    } catch (error) {
      if (!told) logger.warn('The store is not ready; it is tried again and again', { error, waitMs: prepareEveryMs })
      told = true
      return prepareEveryMs
    }
  })
}

/** While the disk is full, the file locked or the store away, what is to be thrown away waits. */
function prune(pauseMs: number, bite: () => Promise<boolean>): Housekeeping {
  return repeatedly(everyMs, () =>
    bite().then(
      (more) => (more ? pauseMs : everyMs),
      () => everyMs,
    ),
  )
}

/** `work` tells how long to wait for the next time; null: never again. */
function repeatedly(firstMs: number, work: () => Promise<number | null>): Housekeeping {
  let timer: NodeJS.Timeout
  let stopped = false
  schedule(firstMs)
  return {
    stop() {
      stopped = true
      clearTimeout(timer)
    },
  }

  function schedule(ms: number): void {
    if (stopped) return
    timer = setTimeout(() => {
      void work().then((nextMs) => {
        if (nextMs !== null) schedule(nextMs)
      })
    }, ms)
    timer.unref()
  }
}
