/** The log: partitioned, durable, replayable. One port for SQLite, Kafka and memory; the conformance suite says in
 *  tests what the comments say here. */
import type { Observable } from 'rxjs'
import type { EventName, EventOf } from '../../schemas/avro.js'
import type { Topic } from '../../schemas/streams.js'
import type { Scope, StateChange, StateEntry } from '../../stages/stage.js'

/** A record to be written. The partition follows from the key (murmur2); without a key any will do. */
export interface NewRecord {
  readonly topic: Topic
  readonly key: Uint8Array | null
  /** Null is a tombstone. */
  readonly value: Uint8Array | null
  readonly headers: Readonly<Record<string, string>>
  /** Milliseconds since the epoch. */
  readonly timestampMs: number
  /** What the value says, where this process wrote it: a log may hand it on, to save the reader the decoding. */
  readonly event?: EventOf<EventName>
}

/** A record as it stands in the log. */
export interface LogRecord extends NewRecord {
  readonly partition: number
  /** Grows within a topic's partition; dense but on Kafka, where every transaction takes an offset of its own. */
  readonly offset: number
}

/** How far a group has come in one partition of a way. */
export interface Position {
  readonly topic: Topic
  readonly partition: number
  /** The first offset that is not acked. */
  readonly next: number
  /** Settled offsets after `next`, ascending: work that was finished out of order. */
  readonly ackedAhead: readonly number[]
}

/** Where a group stood in a partition when a member took it over. */
export interface Start extends Position {
  /** Nobody before this member can have worked on a record from this offset on: it was written later. Infinity where
   *  that is not known. */
  readonly firstDeliveryFrom: number
}

/** What one step commits. */
export interface Transaction {
  readonly outputs: readonly NewRecord[]
  readonly changes: readonly StateChange[]
  readonly positions: readonly Position[]
  /** True: resolved only when synced to disk. */
  readonly durable: boolean
}

export interface JoinOptions {
  /** The group that shares the partitions: a stage's name. It also names the state. */
  readonly group: string
  /** What to read. */
  readonly topics: readonly Topic[]
}

/** Bytes of values that one poll gives at most, but for a single larger record. */
export const pollBytes = 4 * 1024 * 1024

/** One partition of a way that a member owns. */
export interface Assignment {
  readonly topic: Topic
  readonly partition: number
}

/** A member of a group. One poll and one commit may be under way at a time. */
export interface Member {
  /** Emits what is owned now, at once and after every change. */
  readonly assignments: Observable<readonly Assignment[]>
  /** Where the group stood in a partition when it was assigned: `next`, and what to skip beyond it. */
  start(assignment: Assignment): Start
  /** At most `max` records, and about `pollBytes` of their values, after those of the last poll, lanes shared by `shareOut`; each topic's partition in order.
   *  Waits up to `waitMs` for the first; empty when none came, or when the member leaves. */
  poll(max: number, waitMs: number): Promise<readonly LogRecord[]>
  /** All of it or nothing. Rejects with `Fenced` when a partition is no longer this member's: drop the work. After
   *  any other error it is committed whole or not at all, and nobody knows which: leave and join again. */
  commit(transaction: Transaction): Promise<void>
  /** The group's committed state in an owned scope. */
  get(scope: Scope, key: string): Uint8Array | undefined
  range(scope: Scope, from: string, to: string, limit: number): readonly StateEntry[]
  /** Called before partitions go to another member; they are kept until it resolves or a bound passes. */
  onRevoke(ack: (revoked: readonly Assignment[]) => Promise<void>): void
  /** Gives everything back. What was polled and not committed is read again by the next owner. */
  leave(): Promise<void>
}

/** Where a tail begins. */
export interface TailOptions {
  /** `end`: what is written from then on, and nothing before. `start` unless said. */
  readonly from?: 'start' | 'end'
  /** Called once it is acked where the tail begins: of what is written after that nothing is missed. */
  readonly onReady?: () => void
}

export interface Log {
  /** How many partitions every way has. */
  readonly partitions: number
  /** Resolves when all are durable and readable; all or nothing. */
  append(records: readonly NewRecord[]): Promise<void>
  join(options: JoinOptions): Promise<Member>
  /** Every record of a way, read by no group. It ends with its subscriber or the log, and waits out trouble. */
  tail(topic: Topic, options?: TailOptions): Observable<LogRecord>
  /** Records of a topic's partition that the group has not acked, as far as is known here. */
  unacked(group: string, assignment: Assignment): number
  /** How many records of a topic's partition the group has ever acked, as far as is known here; it only grows. */
  acked(group: string, assignment: Assignment): number
  /** Fires after a group's positions moved. */
  acks(group: string): Observable<void>
  /** Resolves when the log answers: on Kafka, a broker. How far groups are behind is measured from outside, by the
   *  readers of observe/lag. Rejects with `Unavailable`. */
  ask(): Promise<void>
  close(): Promise<void>
}

/** How many entries of a group's committed state lie in the ranges, from a key to a key; counted up to `most`, as far as
 *  this process owns them. */
export type CountState = (group: string, ranges: readonly (readonly [string, string])[], most: number) => number

/** The work belongs to a partition that another member owns now. */
export class Fenced extends Error {
  override readonly name = 'Fenced'
  readonly code = 'fenced'
}
