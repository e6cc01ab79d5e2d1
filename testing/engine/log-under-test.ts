/** What the conformance suites need from a log, and the few moves that their tests are made of. Waits are conditions,
 *  never durations, so that the same words suit virtual time, a file and a broker. */
import type { SchedulerLike } from 'rxjs'
import type { Assignment, JoinOptions, Log, LogRecord, Member, NewRecord, Position } from '../../pipeline/engine/log.js'
import { type Lane, type StreamName, type Topic, topicName, topicOf } from '../../schemas/streams.js'

/** What a log can do beyond what every log does. */
export interface LogFeatures {
  /** Several members may share a group. */
  readonly members: boolean
  /** What is committed survives the end of the process. */
  readonly durable: boolean
  /** Transactions and what is aborted take offsets of their own, so that those of records have holes. */
  readonly holes?: boolean
}

export interface OpenOptions {
  readonly partitions: number
  /** How long a member may hold partitions that another is to get. */
  readonly revokeTimeoutMs: number
}

/** Records of a topic's partition that a group has not acked. */
export interface Waiting extends Assignment {
  readonly records: number
}

/** A log, opened empty, with what a test may do to it. */
export interface LogUnderTest {
  /** Another one after `reopen`. */
  readonly log: Log
  /** The time that the log keeps, for workers too. */
  readonly clock: SchedulerLike
  /** Lets time pass until the promise is acked. Rejects when that takes unreasonably long. */
  during<T>(work: Promise<T>): Promise<T>
  /** Lets time pass until the condition, asked again and again, holds. Rejects when that takes unreasonably long. */
  until(holds: () => boolean | Promise<boolean>): Promise<void>
  /** True: commits fail before they take effect. False: they work again. */
  failCommits(fail: boolean): void
  /** How many records of each partition a group has not acked. */
  lag(group: string, topics: readonly Topic[]): Promise<readonly Waiting[]>
  /** Ends the process that has the log, or what comes closest, and opens it again. Needed where `durable`. */
  reopen?(): Promise<void>
  /** Ends a member without its leaving. Needed where `members`. */
  crash?(member: Member): Promise<void>
  close(): Promise<void>
}

/** Opens an empty log of its own for each test. */
export type OpenLog = (options: OpenOptions) => Promise<LogUnderTest>

/** The group that most tests read with. */
export const reader: JoinOptions = { group: 'dedupe', topics: waysFor('notifications.requested') }

/** One way of a topic that has lanes. */
export function wayOf(stream: StreamName, lane: Lane): Topic {
  return topicOf(stream, lane, null)
}

/** The three lanes of a topic. */
export function waysFor(stream: StreamName): Topic[] {
  return [wayOf(stream, 'high'), wayOf(stream, 'normal'), wayOf(stream, 'low')]
}

/** A record for notifications.requested. */
export function request(
  lane: Lane,
  key: string | null,
  value: string | null,
  more: Partial<NewRecord> = {},
): NewRecord {
  return {
    topic: wayOf('notifications.requested', lane),
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    headers: {},
    timestampMs: 1_900_000_000_000,
    ...more,
  }
}

/** The same record on notifications.accepted: what a stage would write. */
export function accepted(record: LogRecord): NewRecord {
  const { topic, key, value, headers, timestampMs } = record
  return { topic: wayOf('notifications.accepted', topic.lane ?? 'normal'), key, value, headers, timestampMs }
}

/** `count` requests of one lane, spread over `keys` keys; each value is the key and a growing number. */
export function requests(lane: Lane, count: number, keys = 12): NewRecord[] {
  return Array.from({ length: count }, (_, number) => {
    const key = `user-${number % keys}`
    return request(lane, key, `${lane} ${key} ${number}`)
  })
}

/** A record's value as text. */
export function textOf({ value }: { readonly value: Uint8Array | null }): string | null {
  return value === null ? null : Buffer.from(value).toString()
}

/** Where a record stands, as text. */
export function placeOf({ topic, partition, offset }: LogRecord): string {
  return `${topicName(topic)}-${partition}-${offset}`
}

/** Everything of a record, in terms that compare. */
export function plain({ topic, key, value, headers, timestampMs }: NewRecord): object {
  const text = key === null ? null : Buffer.from(key).toString()
  return { topic: topicName(topic), key: text, value: textOf({ value }), headers: { ...headers }, timestampMs }
}

/** The numbers of the partitions that a member owns now, ascending. */
export function ownedBy(member: Member): number[] {
  const numbers = new Set<number>()
  member.assignments
    .subscribe((assignments) => {
      numbers.clear()
      for (const { partition } of assignments) numbers.add(partition)
    })
    .unsubscribe()
  return [...numbers].sort((a, b) => a - b)
}

/** What waits in a log that knows every group's positions. */
export async function waitingIn(log: Log, group: string, topics: readonly Topic[]): Promise<readonly Waiting[]> {
  return topics.flatMap((topic) =>
    Array.from({ length: log.partitions }, (_, partition) => ({
      ...{ topic, partition },
      records: log.unacked(group, { topic, partition }),
    })),
  )
}

/** How much the reader's group has not acked, in all. */
export async function readerLag({ lag }: Pick<LogUnderTest, 'lag'>): Promise<number> {
  const lags = await lag(reader.group, reader.topics)
  return lags.reduce((sum, { records }) => sum + records, 0)
}

/** Joins and waits until everything is assigned. */
export async function joinAlone(test: LogUnderTest, options: JoinOptions = reader): Promise<Member> {
  const member = await test.log.join(options)
  await test.until(() => ownedBy(member).length === test.log.partitions)
  return member
}

/** Polls until `count` records that are not acked yet have come; at most `max` at a time. */
export async function collect(test: LogUnderTest, member: Member, count: number, max = 500): Promise<LogRecord[]> {
  const records: LogRecord[] = []
  await test.until(async () => {
    const wanted = Math.min(max, count - records.length)
    for (const record of wanted > 0 ? await member.poll(wanted, 50) : []) {
      if (!member.start(record).ackedAhead.includes(record.offset)) records.push(record)
    }
    return records.length >= count
  })
  return records
}

/** The positions that ack all of these records, where nothing else of their partitions is unacked before them. */
export function positionsAfter(records: readonly LogRecord[]): Position[] {
  const positions = new Map<string, Position>()
  for (const { topic, partition, offset } of records) {
    const name = `${topicName(topic)}-${partition}`
    const next = Math.max(offset + 1, positions.get(name)?.next ?? 0)
    positions.set(name, { topic, partition, next, ackedAhead: [] })
  }
  return [...positions.values()]
}

/** Settles the records, and writes what a stage would for each. */
export function forward(member: Member, records: readonly LogRecord[]): Promise<void> {
  const positions = positionsAfter(records)
  return member.commit({ outputs: records.map(accepted), changes: [], positions, durable: false })
}

/** Ends the reader as a crash would and joins again. */
export async function restart(test: LogUnderTest, member: Member, options: JoinOptions = reader): Promise<Member> {
  if (test.crash) await test.crash(member)
  else if (test.reopen) await test.reopen()
  else throw new Error('A log under test can crash a member or be opened again')
  return joinAlone(test, options)
}
