/** What is measured: a Carillon on either engine, with a stub in the place of its providers. */

import type { BenchChannel } from './notifications.js'
import type { Tally } from './tally.js'

export type Engine = 'sqlite' | 'kafka'

export interface Subject {
  /** Hands one notification over; resolves with its id when it is accepted. */
  send(number: number, channel: BenchChannel): Promise<string>
  /** From now on the stub takes so long to answer a call of the channel; 0: it answers at once. */
  slow(channel: BenchChannel, answersAfterMs: number): Promise<void>
  /** Stops the stages, where they do not stand still from the start. What is accepted meanwhile waits. */
  halt(): Promise<void>
  /** Lets them run. Resolves when they do. */
  resume(): Promise<void>
  /** Begins to watch processor time. */
  watch(): Promise<Watch>
  /** Resolves when so many have ended, or nothing moves any more: with the time of the last, on the monotonic clock. */
  ended(count: number): Promise<number>
  /** Closes all, and counts. */
  finish(accepted: readonly string[]): Promise<Finished>
}

export interface Watch {
  /** Processor time for each of so many notifications, in microseconds, by thread or process; what is in each is told
   *  in bench/results/README.md. Empty where the system does not tell. */
  stop(count: number): Promise<CpuMicros>
}

export type CpuMicros = Readonly<Record<string, number>>

export interface Finished {
  /** Idempotency key → when the provider was first called with it, on the monotonic clock. */
  readonly calledAtMs: ReadonlyMap<string, number>
  readonly tally: Tally
  /** The highest, of the process or of the largest of them. */
  readonly rssMiB: number
}
