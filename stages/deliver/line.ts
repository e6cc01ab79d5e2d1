/** The line before one provider: who is called next, and how many calls are under way.
 *
 *  High lanes go first. Within a lane destinations take turns, and none has more calls than its allowance, so that
 *  one webhook host that hangs, or one channel at its limit, does not stand before the others. Bounded by the stage's
 *  mailbox, from which everything in line comes. */
import { type SchedulerLike, Subscription, timer } from 'rxjs'
import { type Lane, lanes } from '../../schemas/streams.js'
import type { Pace, PaceClass } from '../shared-limits.js'
import { type AllowanceOptions, allowance, type Reception } from './allowance.js'

export interface LineOptions extends AllowanceOptions {
  /** The pace on a channel; null: as fast as it goes. */
  readonly paceOf: (channel: string, pace: PaceClass, nowMs: number) => Pace | null
}

/** What the line tells apart: a channel, a part of the provider such as a webhook's host, and a pace class. */
export interface LineDestination {
  readonly channel: string
  readonly part: string | null
  readonly pace: PaceClass
}

export interface Line<T> {
  add(lane: Lane, destination: LineDestination, entry: T): void
  /** Takes out those that are not called yet, and gives them back. */
  remove(isOne: (entry: T) => boolean): readonly T[]
  /** Calls under way, and entries that wait for one. */
  load(): { readonly calling: number; readonly waiting: number }
  /** Calls nobody any more. */
  stop(): void
}

interface Queue<T> {
  readonly name: string
  readonly destination: LineDestination
  readonly entries: T[]
}

type Queues<T> = Map<string, Queue<T>>

interface Callable<T> {
  readonly lane: Queues<T>
  readonly queue: Queue<T>
}

/** `call` is given each entry in turn; its place is free again when it resolves. It must not reject. */
export function line<T>(options: LineOptions, clock: SchedulerLike, call: (entry: T) => Promise<Reception>): Line<T> {
  const queues: Record<Lane, Queues<T>> = { high: new Map(), normal: new Map(), low: new Map() }
  const places = allowance(options)
  let nap = new Subscription()
  let stopped = false

  return {
    add(lane, destination, entry) {
      const { channel, part, pace } = destination
      const name = `${channel} ${part ?? ''} ${pace ?? ''}`
      const queue = queues[lane].get(name)
      if (queue) queue.entries.push(entry)
      else queues[lane].set(name, { name, destination, entries: [entry] })
      serve()
    },
    remove(isOne) {
      const removed: T[] = []
      for (const lane of Object.values(queues)) {
        for (const [name, { entries }] of lane) {
          removed.push(...entries.filter(isOne))
          entries.splice(0, entries.length, ...entries.filter((entry) => !isOne(entry)))
          if (entries.length === 0) lane.delete(name)
        }
      }
      return removed
    },
    load() {
      let waiting = 0
      for (const lane of Object.values(queues)) for (const { entries } of lane.values()) waiting += entries.length
      return { calling: places.active(), waiting }
    },
    stop() {
      stopped = true
      nap.unsubscribe()
    },
  }

  /** Starts every call that may start, then sets the timer for the first that may start later. Each round reads the clock
   *  once: were the wait asked at a later moment than the token, a token that came in between would set no timer, and
   *  what waits would stand still. */
  function serve(): void {
    while (!stopped && !places.isFull()) {
      const nowMs = clock.now()
      const next = nextCallable(nowMs)
      if ('waitMs' in next) {
        wakeAfter(next.waitMs)
        return
      }
      paceOf(next.queue, nowMs)?.take(nowMs)
      start(next.lane, next.queue)
    }
  }

  /** The first destination of the highest lane that may be called now; else how long until one has its tokens, Infinity
   *  where none waits for tokens: then the end of a call under way, or the next entry, serves again. */
  function nextCallable(nowMs: number): Callable<T> | { readonly waitMs: number } {
    let waitMs = Number.POSITIVE_INFINITY
    for (const name of lanes) {
      const lane = queues[name]
      for (const queue of lane.values()) {
        if (!places.allows(queue.destination.part)) continue
        const ownWaitMs = paceOf(queue, nowMs)?.waitMs(nowMs) ?? 0
        if (ownWaitMs === 0) return { lane, queue }
        waitMs = Math.min(waitMs, ownWaitMs)
      }
    }
    return { waitMs }
  }

  function start(lane: Queues<T>, { name, destination, entries }: Queue<T>): void {
    const entry = entries.shift() as T
    // To the end of the lane: the others have their turn.
    lane.delete(name)
    if (entries.length > 0) lane.set(name, { name, destination, entries })
    places.started(destination.part)
    void call(entry).then((reception) => {
      places.ended(destination.part, reception)
      serve()
    })
  }

  function wakeAfter(waitMs: number): void {
    nap.unsubscribe()
    if (Number.isFinite(waitMs)) nap = timer(waitMs, clock).subscribe(serve)
  }

  function paceOf({ destination }: Queue<T>, nowMs: number): Pace | null {
    return options.paceOf(destination.channel, destination.pace, nowMs)
  }
}
