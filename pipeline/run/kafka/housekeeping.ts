/** What the shared store needs beside calls: its indexes, and that what is past its time is thrown away. Kafka does the
 *  latter with its topics by itself. */
import type { Logger } from '../../observe/logging/logging.js'
import type { SharedStores } from './stores.js'

const everyMs = 10_000
const betweenBitesMs = 50
/** Between two tries to make the indexes. */
const prepareEveryMs = 5000

/** All of it: for the one process that does it, or for several. */
export function keepHouse(stores: Pick<SharedStores, 'prepare' | 'prune'>, logger: Logger): { stop(): void }[] {
  return [prepareStore(stores, logger), pruneStore(stores)]
}

/** Until it has been done, the store is slow but right. While the store is away it is tried again. */
export function prepareStore(stores: Pick<SharedStores, 'prepare'>, logger: Logger): { stop(): void } {
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

/** Removes bites of what is past its time. While the store is away, that waits. */
function pruneStore(stores: Pick<SharedStores, 'prune'>): { stop(): void } {
  return repeatedly(everyMs, () =>
    stores.prune().then(
      (more) => (more ? betweenBitesMs : everyMs),
      () => everyMs,
    ),
  )
}

/** `work` tells how long to wait for the next time; null: never again. */
function repeatedly(firstMs: number, work: () => Promise<number | null>): { stop(): void } {
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
