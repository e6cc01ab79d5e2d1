/** The line before one provider: who waits for it, high lanes first, and how many calls are under way.
 *  Bounded by the stage's mailbox, from which everything in line comes. */
import { type SchedulerLike, Subscription, timer } from 'rxjs'
import { type Lane, lanes } from '../../schemas/topics.js'
import type { ProviderPolicy } from './provider.js'
import { tokenBucket } from '../token-bucket.js'

export interface Line<T> {
  add(lane: Lane, entry: T): void
  /** Everyone who waits, for a look at the end. */
  waiting(): number
  stop(): void
}

/** `call` is given each entry in turn; its place is free again when it resolves. It must not reject. */
export function line<T>(policy: ProviderPolicy, clock: SchedulerLike, call: (entry: T) => Promise<void>): Line<T> {
  const queues: Record<Lane, { entries: T[]; head: number }> = {
    high: { entries: [], head: 0 },
    normal: { entries: [], head: 0 },
    low: { entries: [], head: 0 },
  }
  const { ratePerSecond, concurrency } = policy
  const bucket = ratePerSecond === null ? null : tokenBucket({ ratePerSecond, nowMs: clock.now() })
  let active = 0
  let nap = new Subscription()
  let stopped = false

  return {
    add(lane, entry) {
      queues[lane].entries.push(entry)
      serve()
    },
    waiting: () => lanes.reduce((sum, lane) => sum + queues[lane].entries.length - queues[lane].head, 0),
    stop() {
      stopped = true
      nap.unsubscribe()
    },
  }

  function serve(): void {
    while (!stopped && active < concurrency) {
      const queue = lanes.map((lane) => queues[lane]).find(({ entries, head }) => head < entries.length)
      if (!queue) return
      if (bucket && !bucket.take(clock.now())) {
        nap.unsubscribe()
        nap = timer(Math.max(1, bucket.waitMs(clock.now())), clock).subscribe(serve)
        return
      }
      const entry = queue.entries[queue.head++] as T
      if (queue.head === queue.entries.length) {
        queue.entries = []
        queue.head = 0
      }
      active++
      void call(entry).then(() => {
        active--
        serve()
      })
    }
  }
}
