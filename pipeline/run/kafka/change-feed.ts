/** What record tells on the log, for those who watch in this process. Each ingress process reads all of it, in no group,
 *  from the moment on that somebody watches. */
import type { Subscription } from 'rxjs'
import { Unavailable } from '../../../schemas/errors.js'
import type { Change } from '../../../schemas/record.js'
import { topicOf } from '../../../schemas/streams.js'
import { showChange } from '../../../stages/record/changes.js'
import type { Codec } from '../../engine/codec.js'
import type { Log } from '../../engine/log.js'
import { tailedEvents } from '../tailed-events.js'

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
    const topic = topicOf('notifications.changed', null, null)
    const tail = { from: 'end', onReady: ready, passesOver: isUnavailable } as const
    return tailedEvents(log, codec, topic, 'notification-changed', tail).subscribe((changed) => {
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

/** Waiting for a registry would pile up what comes behind it. */
function isUnavailable(error: unknown): boolean {
  return error instanceof Unavailable
}
