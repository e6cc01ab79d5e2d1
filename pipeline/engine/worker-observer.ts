/** What a worker tells of its work, for metrics, traces and logs. */
import type { EventName } from '../../schemas/avro.js'
import type { Lane } from '../../schemas/streams.js'
import type { InputRecord } from '../../stages/stage.js'
import type { GivenUpRecord } from './dead-letters.js'
import type { Assignment, LogRecord, NewRecord } from './log.js'

/** What any stage may have been given. */
export type AnyInput = InputRecord<EventName>

/** Told what happens, for metrics, traces and logs. Must not throw. */
export interface WorkerObserver {
  /** The records go to the stage now. */
  given?(records: readonly AnyInput[]): void
  committed?(commit: Commit): void
  /** They are left for the next owner of their partition, or for the next life of the stage. `error`: what ended this
   *  one; null where nothing did. */
  left?(records: readonly AnyInput[], error: unknown): void
  /** What the worker owns changed. */
  assigned?(assignments: readonly Assignment[]): void
  crashed?(error: unknown, retryInMs: number): void
}

/** One transaction that went through. */
export interface Commit {
  /** What the stage was given and has acked. What never reached the stage is in `acked` only. */
  readonly inputs: readonly AnyInput[]
  readonly acked: readonly LogRecord[]
  readonly outputs: readonly NewRecord[]
  readonly drops: readonly Ended[]
  readonly deadLetters: readonly Ended[]
  /** The transaction alone. */
  readonly commitMs: number
}

/** An input that went no further. */
export interface Ended {
  readonly lane: Lane | null
  /** Stable code of why, in kebab case. */
  readonly reason: string
  /** Null where it never reached the stage. */
  readonly input: AnyInput | null
  /** What was given up; null where it ended as it should. */
  readonly givenUp: GivenUpRecord | null
}
