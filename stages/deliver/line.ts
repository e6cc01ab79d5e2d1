/** The line before one provider: who is called next, and how many calls are under way.
 *
 *  High lanes go first. Within a lane destinations take turns, and none has more than its part of the calls, so that
 *  one webhook host that hangs, or one channel at its limit, does not stand before the others. Bounded by the stage's
 *  mailbox, from which everything in line comes. */
import { type SchedulerLike, Subscription, timer } from 'rxjs'
import { type Lane, lanes } from '../../schemas/topics.js'
import { sharedLimits } from '../shared-limits.js'
import type { TokenBucket } from '../token-bucket.js'

export interface LineOptions {
  /** Calls under way at once. */
  readonly concurrency: number
  /** Calls a second on a channel; null: no limit. */
  readonly ratePerSecond: (channel: string) => number | null
  /** The part of these limits that is this worker's. */
  readonly share: () => number
}

/** What the line tells apart: a channel, and a webhook's host. */
export interface LineDestination {
  readonly channel: string
  readonly part: string | null
}

export interface Line<T> {
  add(lane: Lane, destination: LineDestination, entry: T): void
  /** Takes out those that are not called yet, and gives them back. */
  remove(isOne: (entry: T) => boolean): readonly T[]
  /** Calls nobody any more. */
  stop(): void
}

interface Queue<T> {
  readonly destination: string
  readonly channel: string
  /** Calls under way at once to this destination. */
  readonly most: number
  readonly entries: T[]
}

/** A host gets at most this part of its provider's calls. */
const partOfCalls = 1 / 4

/** `call` is given each entry in turn; its place is free again when it resolves. It must not reject. */
export function line<T>(options: LineOptions, clock: SchedulerLike, call: (entry: T) => Promise<void>): Line<T> {
  const { concurrency, ratePerSecond } = options
  const perHost = Math.max(1, Math.floor(concurrency * partOfCalls))
  const queues: Record<Lane, Map<string, Queue<T>>> = { high: new Map(), normal: new Map(), low: new Map() }
  const limits = sharedLimits(options.share)
  const activeAt = new Map<string, number>()
  let active = 0
  let nap = new Subscription()
  let stopped = false

  return {
    add(lane, { channel, part }, entry) {
      const destination = `${channel} ${part ?? ''}`
      const queue = queues[lane].get(destination)
      if (queue) queue.entries.push(entry)
      else
        queues[lane].set(destination, {
          destination,
          channel,
          most: part === null ? concurrency : perHost,
          entries: [entry],
        })
      serve()
    },
    remove(isOne) {
      const removed: T[] = []
      for (const lane of Object.values(queues)) {
        for (const [destination, { entries }] of lane) {
          removed.push(...entries.filter(isOne))
          entries.splice(0, entries.length, ...entries.filter((entry) => !isOne(entry)))
          if (entries.length === 0) lane.delete(destination)
        }
      }
      return removed
    },
    stop() {
      stopped = true
      nap.unsubscribe()
    },
  }

  function serve(): void {
    while (!stopped && active < concurrency) {
      const next = lanes.map((lane) => callable(queues[lane])).find((queue) => queue !== undefined)
      if (!next) {
        wakeForTokens()
        return
      }
      bucketOf(next.queue.channel)?.take(clock.now())
      start(next)
    }
  }

  /** The first destination of the lane that may be called now. */
  function callable(lane: Map<string, Queue<T>>): { lane: Map<string, Queue<T>>; queue: Queue<T> } | undefined {
    for (const queue of lane.values()) {
      if ((activeAt.get(queue.destination) ?? 0) >= queue.most) continue
      const waitMs = bucketOf(queue.channel)?.waitMs(clock.now()) ?? 0
      if (waitMs === 0) return { lane, queue }
    }
    return undefined
  }

  function start({ lane, queue }: { lane: Map<string, Queue<T>>; queue: Queue<T> }): void {
    const { destination, entries } = queue
    const entry = entries.shift() as T
    // To the end of the lane: the others have their turn.
    lane.delete(destination)
    if (entries.length > 0) lane.set(destination, queue)
    active++
    activeAt.set(destination, (activeAt.get(destination) ?? 0) + 1)
    void call(entry).then(() => {
      active--
      const left = (activeAt.get(destination) ?? 1) - 1
      if (left > 0) activeAt.set(destination, left)
      else activeAt.delete(destination)
      serve()
    })
  }

  function wakeForTokens(): void {
    const channels = new Set(lanes.flatMap((lane) => [...queues[lane].values()].map(({ channel }) => channel)))
    const waits = [...channels].map((channel) => bucketOf(channel)?.waitMs(clock.now()) ?? 0).filter((ms) => ms > 0)
    nap.unsubscribe()
    if (waits.length > 0) nap = timer(Math.min(...waits), clock).subscribe(serve)
  }

  function bucketOf(channel: string): TokenBucket | null {
    return limits.bucket(channel, () => ratePerSecond(channel), clock.now())
  }
}
