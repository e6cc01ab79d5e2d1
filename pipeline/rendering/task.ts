/** What goes to a rendering thread and comes back: plain data that can be cloned. */
import type { Message } from '../../schemas/events.js'
import type { LiquidLimits } from './liquid.js'

/** Set once in a thread's life. */
export interface ThreadSettings {
  readonly limits: LiquidLimits
}

/** Tells when the task began, by the monotonic clock that all threads share, in nanoseconds; 0 before. */
export type StartSignal = BigInt64Array<SharedArrayBuffer>

export interface RenderTask {
  readonly started: StartSignal
  /** Soft limit for each source; Infinity: the thread is killed instead. */
  readonly renderMs: number
  readonly jobs: readonly ThreadJob[]
}

export interface ThreadJob {
  readonly template: string
  readonly channel: string
  readonly source: Message
  /** JSON: cheaper to clone than an object, and it cannot carry anything but data. */
  readonly variables: string
}

export interface ParseTask {
  readonly started: StartSignal
  readonly sources: readonly string[]
}
