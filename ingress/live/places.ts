/** The places for streams: how many may be open at once, of any kind, and how all of them end. */
import type { IngressObserver, WatcherKind } from '../observer.js'
import { Problem } from '../problem.js'

export interface Places {
  /** Takes a place; `end` is called when the server ends. Returns what gives the place back, once however often it is
   *  called. Throws a `Problem` where there is none. */
  take(kind: WatcherKind, end: () => void): () => void
  /** Ends every stream, and lets none begin any more. */
  close(): void
}

/** A stream takes some 50 KB, and up to the bounds of its reader's slowness. */
const maxStreams = 5000

/** `observer` is told of each place that is taken and given back. */
export function createPlaces(observer: Pick<IngressObserver, 'watchers'>, most = maxStreams): Places {
  const taken = new Set<() => void>()
  let closed = false

  return {
    take(kind, end) {
      if (closed || taken.size >= most) {
        const detail = closed ? 'This server is ending.' : `${most} streams are open, which is all there may be.`
        throw new Problem('unavailable', detail)
      }
      // Of its own, for the same function may end two streams.
      const own = () => end()
      taken.add(own)
      observer.watchers(kind, 1)
      return () => {
        if (taken.delete(own)) observer.watchers(kind, -1)
      }
    },
    close() {
      closed = true
      for (const end of [...taken]) end()
    },
  }
}
