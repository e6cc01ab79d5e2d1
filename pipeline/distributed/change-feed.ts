/** What record tells on the log, for those who watch in this process. Each ingress process reads all of it, in no group,
 *  from the moment on that somebody watches. */
import { concatMap, mergeAll, type Subscription } from 'rxjs'
import { Unavailable } from '../../ingress/ports.js'
import type { NotificationChanged } from '../../schemas/events.js'
import type { Change } from '../../schemas/record.js'
import { wayTo } from '../../schemas/topics.js'
import { showChange } from '../../stages/record/changes.js'
import { type Codec, PoisonError } from '../engine/codec.js'
import type { Log, LogRecord } from '../engine/log.js'

export interface ChangeFeed {
  /** As `Records.watch`. */
  watch(onChange: (change: Change) => void, onReady?: () => void): () => void
  close(): void
}

/** Most watchers are requests that wait a moment for a record: beginning anew for each would cost more than reading on. */
const lingerDefaultMs = 30_000

export function changeFeed(log: Pick<Log, 'tail'>, codec: Codec, lingerMs = lingerDefaultMs): ChangeFeed {
  const watchers = new Set<(change: Change) => void>()
  /** Who waits for the beginning. */
  const waiting = new Set<() => void>()
  let reading: Subscription | null = null
  let isReady = false
  let ending: NodeJS.Timeout | undefined

  return {
    watch(onChange, onReady) {
      // Of its own, for the same function may watch twice.
      const watcher = (change: Change) => onChange(change)
      watchers.add(watcher)
      clearTimeout(ending)
      if (onReady && isReady) onReady()
      else if (onReady) waiting.add(onReady)
      reading ??= read()
      return () => {
        watchers.delete(watcher)
        if (onReady) waiting.delete(onReady)
        if (watchers.size > 0) return
        clearTimeout(ending)
        ending = setTimeout(stop, lingerMs).unref()
      }
    },
    close() {
      clearTimeout(ending)
      stop()
    },
  }

  function read(): Subscription {
    return log
      .tail(wayTo('notifications.changed', null, null), { from: 'end', onReady: ready })
      .pipe(
        concatMap((record) => changeIn(codec, record)),
        mergeAll(),
      )
      .subscribe((changed) => {
        const change = showChange(changed)
        for (const watcher of watchers) watcher(change)
      })
  }

  function ready(): void {
    isReady = true
    for (const tell of waiting) tell()
    waiting.clear()
  }

  function stop(): void {
    reading?.unsubscribe()
    reading = null
    isReady = false
  }
}

/** Nothing where it cannot be read, or not now: waiting for a registry would pile up what comes behind it. */
async function changeIn(codec: Codec, record: LogRecord): Promise<readonly NotificationChanged[]> {
  try {
    await codec.learn([record])
    return [codec.decode(record, ['notification-changed']).value]
  } catch (error) {
    if (error instanceof PoisonError || error instanceof Unavailable) return []
    throw error
  }
}
