/** What is measured: a Carillon on either engine, with a stub in the place of its providers. */
import type { Lane } from '../schemas/streams.js'
import type { BenchChannel } from './notifications.js'
import type { Tally } from './tally.js'

export interface SubjectSetUp {
  /** The stages wait for `begin`, on what `lay` has laid before. */
  readonly waits?: boolean
  /** Notifications that go all the way through before anything else. */
  readonly warmUp?: number
  /** Those that are sent; text messages only unless said. */
  readonly channels?: readonly BenchChannel[]
  /** On Kafka: a process for each stage, or one for all. */
  readonly processes?: 1 | 6
  /** A folder for profiles of processor time. */
  readonly profile?: string | undefined
}

export interface Subject {
  /** Lays a backlog where the stages read it; resolves with its ids. */
  lay(count: number, priority?: Lane): Promise<string[]>
  /** Lets stages that wait run, and watches them. */
  begin(): Promise<Watch>
  /** Hands one notification over; resolves with its id when it is accepted. */
  send(number: number, channel: BenchChannel): Promise<string>
  /** From now on the stub takes so long to answer a call of the channel; 0: it answers at once. */
  slow(channel: BenchChannel, answersAfterMs: number): Promise<void>
  /** Stops the stages, where they do not wait from the start. What is accepted meanwhile waits. */
  halt(): Promise<void>
  /** Lets them run. Resolves when they do. */
  resume(): Promise<void>
  /** Begins to watch processor time. */
  watch(): Promise<Watch>
  /** Resolves when so many have ended, or nothing moves any more: with the time of the last, on the monotonic clock. */
  ended(count: number, progress?: (ended: number) => void): Promise<number>
  /** Closes all, and counts. */
  finish(accepted: readonly string[]): Promise<Finished>
}

export interface Watch {
  /** When the stages were at work, on the monotonic clock. */
  readonly fromMs: number
  stop(count: number): Promise<Use>
}

export type CpuMicros = Readonly<Record<string, number>>

export interface Use {
  /** Processor time for each of so many notifications, in microseconds, by thread or process; what is in each is told
   *  in bench/results/README.md. Empty where the system does not tell. */
  readonly cpuMicros: CpuMicros
  /** What else there is to tell a person. */
  readonly lines: readonly string[]
}

export interface Finished {
  /** Idempotency key → when the provider was first called with it, on the monotonic clock. */
  readonly calledAtMs: ReadonlyMap<string, number>
  readonly tally: Tally
  /** The highest, of the process or of the largest of them. */
  readonly rssMiB: number
  /** Of the engine's thread by part of the pipeline, where a profile was asked for and the engine is one thread. */
  readonly shares?: Readonly<Record<string, number>>
}
