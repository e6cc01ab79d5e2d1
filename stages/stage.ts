/** The contract of a stage. A stage is an RxJS operator from batches of input records to steps; a step is what one
 *  transaction commits: outputs, state changes, and the inputs it acks.
 *
 *  Invariant: a stage touches nothing but what it is given here and the ports its factory names. It may be stopped
 *  at any point and started again from its last committed step. */
import { concatMap, map, type Observable, type OperatorFunction, type SchedulerLike } from 'rxjs'
import type { EventName, EventOf } from '../schemas/avro.js'
import type { Outgoing } from '../schemas/outgoing.js'
import type { Lane, StreamName } from '../schemas/streams.js'

export const stageNames = ['dedupe', 'enrich-template', 'route', 'throttle', 'deliver', 'record'] as const
export type StageName = (typeof stageNames)[number]

/** What runs as a stage does: the six, what takes events in from Kafka, and what keeps dead letters and replays them. */
export type WorkerName = StageName | 'intake' | 'dead-letters'

/** What state belongs to: the lane and partition of the input. */
export interface Scope {
  readonly lane: Lane
  readonly partition: number
}

/** One decoded record. `recordId` is topic-partition-offset: the same whenever the record is read again. */
export type InputRecord<I extends EventName> = EventOf<I> & {
  readonly recordId: string
  readonly scope: Scope
  readonly timestampMs: number
  readonly headers: Readonly<Record<string, string>>
  /** True: it was written after this worker took its partition over, so nobody can have worked on it before. */
  readonly firstDelivery: boolean
}

/** Records pulled together, high lanes first, each lane and partition in order. Never empty. */
export interface Batch<I extends EventName> {
  readonly records: readonly InputRecord<I>[]
}

/** What one transaction commits. Every input is acked by exactly one step. */
export interface Step<I extends EventName, O extends EventName> {
  readonly acked: readonly InputRecord<I>[]
  readonly outputs: readonly Outgoing<O>[]
  readonly changes: readonly StateChange[]
  readonly drops: readonly Drop<I>[]
  readonly deadLetters: readonly DeadRecord<I>[]
  /** Called after the commit: for what may only happen once the step is safe. */
  readonly committed?: () => void
}

/** An input that ends here as it should, with a stable reason. */
export interface Drop<I extends EventName> {
  readonly record: InputRecord<I>
  readonly reason: string
}

/** An input that cannot be taken; it goes to dead-letters with its original bytes. */
export interface DeadRecord<I extends EventName> {
  readonly record: InputRecord<I>
  readonly cause: string
  readonly detail: string
}

/** One change of one stage's state. A null value deletes. `expiresAtMs`: may be forgotten from then on. */
export interface StateChange {
  readonly scope: Scope
  readonly key: string
  readonly value: Uint8Array | null
  readonly expiresAtMs: number | null
}

/** A stage's own keyed state in one scope. Reads see earlier writes at once; writes commit with the step that takes
 *  them. Keys are at most 1,024 bytes; those that are ranged over are ASCII. An expired entry may be gone at any time. */
export interface KeyedState {
  get(key: string): Uint8Array | undefined
  put(key: string, value: Uint8Array, expiresAtMs: number | null): void
  delete(key: string): void
  /** At most `limit` entries with from <= key < to, in the order of keys. */
  range(from: string, to: string, limit: number): readonly StateEntry[]
}

export interface StateEntry {
  readonly key: string
  readonly value: Uint8Array
}

/** What the engine lends to a running stage. */
export interface StageContext {
  /** Time and timers; virtual in tests. `now()` is in milliseconds since the epoch. */
  readonly clock: SchedulerLike
  /** At least 0, less than 1; seeded in tests. */
  readonly random: () => number
  readonly state: (scope: Scope) => KeyedState
  /** The scopes this worker owns now. */
  readonly scopes: () => readonly Scope[]
  /** The state changes since the last call; they must go into a step. */
  readonly takeChanges: () => readonly StateChange[]
  /** The part of the input's partitions that this worker owns, at most 1: its part of a limit over all workers. */
  readonly share: () => number
  /** Emits scopes that are being given back: what is not begun in them is best let go. They come back as other objects. */
  readonly revoked: Observable<readonly Scope[]>
  /** Leaves records unacked, for the next owner of their scope. */
  readonly release: (records: readonly InputRecord<EventName>[]) => void
}

export interface Stage<I extends EventName, O extends EventName> {
  readonly name: WorkerName
  readonly input: StreamName
  readonly operator: (context: StageContext) => OperatorFunction<Batch<I>, Step<I, O>>
  /** True: steps are synced to disk before anything else happens, for they tell of the outside world. */
  readonly durable: boolean
}

/** What became of one record. `drop` and `deadLetter` may tell something on their way out. */
export type Outcome<O extends EventName> =
  | { readonly kind: 'emit'; readonly outputs: readonly Outgoing<O>[] }
  | { readonly kind: 'drop'; readonly reason: string; readonly outputs: readonly Outgoing<O>[] }
  | {
      readonly kind: 'dead-letter'
      readonly cause: string
      readonly detail: string
      readonly outputs: readonly Outgoing<O>[]
    }

export function emit<O extends EventName>(...outputs: readonly Outgoing<O>[]): Outcome<O> {
  return { kind: 'emit', outputs }
}

/** Ends the record as intended. `reason` is a stable code in kebab case. */
export function drop<O extends EventName>(reason: string, ...outputs: readonly Outgoing<O>[]): Outcome<O> {
  return { kind: 'drop', reason, outputs }
}

/** Gives the record up. `cause` is a stable code in kebab case, `detail` for a person. */
export function deadLetter<O extends EventName>(
  cause: string,
  detail: string,
  ...outputs: readonly Outgoing<O>[]
): Outcome<O> {
  return { kind: 'dead-letter', cause, detail, outputs }
}

/** What all lanes of a partition share is kept under this one. */
const sharedLane: Lane = 'normal'

/** What a per-record function may know. */
export interface RecordContext {
  readonly recordId: string
  readonly nowMs: number
  readonly lane: Lane
  /** State of the record's lane and partition. */
  readonly state: KeyedState
  /** State of the record's partition, shared by all its lanes. */
  readonly sharedState: KeyedState
}

/** Lifts a function of one record into a stage. Inputs ack in order, a batch at a time. */
export function eachRecord<I extends EventName, O extends EventName>(
  name: WorkerName,
  input: StreamName,
  decide: (record: EventOf<I>, context: RecordContext) => Outcome<O>,
): Stage<I, O> {
  const operator = (context: StageContext) =>
    map((batch: Batch<I>) => stepOf(batch, (record) => decide(record, recordContext(record, context)), context))
  return { name, input, operator, durable: false }
}

/** Lifts a function of a whole batch that has something to wait for: look-ups and renderings, asked once per batch.
 *  It prepares, then decides record by record. Batches keep their order, so the state that `prepare` reads through
 *  `contextOf` changes until the decisions only by what the decisions before them did. */
export function eachBatch<I extends EventName, O extends EventName>(
  name: WorkerName,
  input: StreamName,
  prepare: (
    batch: Batch<I>,
    nowMs: number,
    contextOf: (record: InputRecord<I>) => RecordContext,
  ) => Promise<(record: InputRecord<I>, context: RecordContext) => Outcome<O>>,
): Stage<I, O> {
  const operator = (context: StageContext) =>
    concatMap(async (batch: Batch<I>) => {
      const decide = await prepare(batch, context.clock.now(), (record) => recordContext(record, context))
      return stepOf(batch, (record) => decide(record, recordContext(record, context)), context)
    })
  return { name, input, operator, durable: false }
}

/** A stage's function threw on one record. The engine restarts the stage, and gives the record up if it repeats. */
export class StageCrash extends Error {
  readonly code = 'stage-crash'
  constructor(
    readonly recordId: string,
    cause: unknown,
  ) {
    super(`The stage failed on record ${recordId}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    })
  }
}

function recordContext<I extends EventName>(record: InputRecord<I>, context: StageContext): RecordContext {
  const { recordId, scope } = record
  const { lane, partition } = scope
  const sharedState = context.state({ lane: sharedLane, partition })
  return { recordId, nowMs: context.clock.now(), lane, state: context.state(scope), sharedState }
}

function stepOf<I extends EventName, O extends EventName>(
  batch: Batch<I>,
  decide: (record: InputRecord<I>) => Outcome<O>,
  context: StageContext,
): Step<I, O> {
  const outputs: Outgoing<O>[] = []
  const drops: Drop<I>[] = []
  const deadLetters: DeadRecord<I>[] = []
  for (const record of batch.records) {
    const outcome = attempt(record, decide)
    outputs.push(...outcome.outputs)
    switch (outcome.kind) {
      case 'emit':
        break
      case 'drop':
        drops.push({ record, reason: outcome.reason })
        break
      case 'dead-letter':
        deadLetters.push({ record, cause: outcome.cause, detail: outcome.detail })
        break
    }
  }
  return { acked: batch.records, outputs, changes: context.takeChanges(), drops, deadLetters }
}

function attempt<I extends EventName, O extends EventName>(
  record: InputRecord<I>,
  decide: (record: InputRecord<I>) => Outcome<O>,
): Outcome<O> {
  try {
    return decide(record)
  } catch (error) {
    throw new StageCrash(record.recordId, error)
  }
}
