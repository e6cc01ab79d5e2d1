/** The queue before one provider: who is called next, and how many calls are under way.
 *
 *  High lanes go first. Within a lane destinations take turns, and none has more calls than its limiter allows, so that
 *  one webhook host that hangs, or one channel at its limit, does not stand before the others. Bounded by the stage's
 *  mailbox, from which everything in it comes. */
import { type SchedulerLike, Subscription, timer } from 'rxjs'
import { type Lane, lanes } from '../../schemas/streams.js'
import type { Pace, PaceClass } from '../shared-limits.js'
import {
  type ConcurrencyLimiter,
  type ConcurrencyLimiterOptions,
  concurrencyLimiter,
  type LoadSignal,
} from './concurrency-limiter.js'

export interface ProviderQueueOptions extends ConcurrencyLimiterOptions {
  /** The pace on a channel; null: as fast as it goes. */
  readonly paceOf: (channel: string, pace: PaceClass, nowMs: number) => Pace | null
}

/** What the queue tells apart: a channel, a part of the provider such as a webhook's host, and a pace class. */
export interface QueueDestination {
  readonly channel: string
  readonly part: string | null
  readonly pace: PaceClass
}

interface Destined<T> {
  readonly name: string
  readonly destination: QueueDestination
  readonly entries: T[]
}

/** The destinations of a lane by name, in the order of their turns. */
type Destinations<T> = Map<string, Destined<T>>

interface Callable<T> {
  readonly lane: Destinations<T>
  readonly next: Destined<T>
}

/** No timer is set for longer: the share of a limit changes with the partitions, and a longer delay would not fit into
 *  32 bits. */
const maxTimerMs = 60_000

/** Invariant: as long as an entry waits and may be called, now or at a known time, a call is under way or a timer is set. */
export class ProviderQueue<T> {
  readonly #lanes: Readonly<Record<Lane, Destinations<T>>> = { high: new Map(), normal: new Map(), low: new Map() }
  readonly #options: ProviderQueueOptions
  readonly #clock: SchedulerLike
  readonly #call: (entry: T) => Promise<LoadSignal>
  readonly #limiter: ConcurrencyLimiter
  #timer = new Subscription()
  #stopped = false

  /** `call` is given each entry in turn; its place is free again when it resolves. It must not reject. */
  constructor(options: ProviderQueueOptions, clock: SchedulerLike, call: (entry: T) => Promise<LoadSignal>) {
    this.#options = options
    this.#clock = clock
    this.#call = call
    this.#limiter = concurrencyLimiter(options)
  }

  add(lane: Lane, destination: QueueDestination, entry: T): void {
    const { channel, part, pace } = destination
    const name = `${channel} ${part ?? ''} ${pace ?? ''}`
    const known = this.#lanes[lane].get(name)
    if (known) known.entries.push(entry)
    else this.#lanes[lane].set(name, { name, destination, entries: [entry] })
    this.#serve()
  }

  /** Takes out those that are not called yet, and gives them back. */
  remove(isOne: (entry: T) => boolean): readonly T[] {
    const removed: T[] = []
    for (const lane of Object.values(this.#lanes)) {
      for (const [name, { entries }] of lane) {
        removed.push(...entries.filter(isOne))
        entries.splice(0, entries.length, ...entries.filter((entry) => !isOne(entry)))
        if (entries.length === 0) lane.delete(name)
      }
    }
    return removed
  }

  /** Calls under way, and entries that wait for one. */
  load(): { readonly calling: number; readonly waiting: number } {
    let waiting = 0
    for (const lane of Object.values(this.#lanes)) for (const { entries } of lane.values()) waiting += entries.length
    return { calling: this.#limiter.active(), waiting }
  }

  /** Calls nobody any more. */
  stop(): void {
    this.#stopped = true
    this.#timer.unsubscribe()
  }

  /** Starts every call that may start, then sets the timer for the first that may start later. Each round reads the clock
   *  once: were the wait asked at a later moment than the token, a token that came in between would set no timer, and
   *  what waits would stand still. */
  #serve(): void {
    while (!this.#stopped && !this.#limiter.isFull()) {
      const nowMs = this.#clock.now()
      const found = this.#nextCallable(nowMs)
      if ('waitMs' in found) {
        this.#wakeAfter(found.waitMs)
        return
      }
      this.#paceOf(found.next, nowMs)?.take(nowMs)
      this.#start(found)
    }
  }

  /** The first destination of the highest lane that may be called now; else how long until one has its tokens, Infinity
   *  where none waits for tokens: then the end of a call under way, or the next entry, serves again. */
  #nextCallable(nowMs: number): Callable<T> | { readonly waitMs: number } {
    let waitMs = Number.POSITIVE_INFINITY
    for (const name of lanes) {
      const lane = this.#lanes[name]
      for (const next of lane.values()) {
        if (!this.#limiter.allows(next.destination.part)) continue
        const ownWaitMs = this.#paceOf(next, nowMs)?.waitMs(nowMs) ?? 0
        if (ownWaitMs <= 0) return { lane, next }
        waitMs = Math.min(waitMs, ownWaitMs)
      }
    }
    return { waitMs }
  }

  #start({ lane, next: { name, destination, entries } }: Callable<T>): void {
    const entry = entries.shift() as T
    // To the end of the lane: the others have their turn.
    lane.delete(name)
    if (entries.length > 0) lane.set(name, { name, destination, entries })
    this.#limiter.started(destination.part)
    void this.#call(entry).then((signal) => {
      this.#limiter.ended(destination.part, signal)
      this.#serve()
    })
  }

  #wakeAfter(waitMs: number): void {
    this.#timer.unsubscribe()
    if (!Number.isFinite(waitMs)) return
    this.#timer = timer(Math.min(waitMs, maxTimerMs), this.#clock).subscribe(() => this.#serve())
  }

  #paceOf({ destination }: Destined<T>, nowMs: number): Pace | null {
    return this.#options.paceOf(destination.channel, destination.pace, nowMs)
  }
}
