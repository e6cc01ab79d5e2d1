/** The log in memory, in virtual time: what stages and workers are tested on. Like a broker it lets several members
 *  share a group, moves partitions, fences, and fails when it is told to; like a broker it outlives its members.
 *
 *  Invariant: records, positions and state of a commit become visible together, and the same seed gives the same run. */
import { filter, firstValueFrom, map, Observable, type SchedulerLike } from 'rxjs'
import { Unavailable } from '../../../schemas/errors.js'
import { type Topic, topicName } from '../../../schemas/streams.js'
import type { Assignment, JoinOptions, Log, LogRecord, Member, NewRecord, TailOptions } from '../../engine/log.js'
import { type Contents, emptyContents } from './contents.js'
import { type Failure, type Faults, fated, fateOf } from './faults.js'
import { type MemoryGroup, type MemoryMember, memoryMember } from './member.js'
import { partitionShares } from './partition-shares.js'

export interface MemoryLogOptions {
  readonly partitions: number
  readonly clock: SchedulerLike
  readonly faults?: Faults
  /** How long a member may hold partitions that another is to get; 10 s unless given. */
  readonly groupRevokeTimeoutMs?: number
  /** What is appended beyond this many records is refused with `StorageFull`; 2,000,000 unless given. */
  readonly maxRecords?: number
}

/** The log, and what only a test may do to it. */
export interface MemoryLog extends Log {
  /** The member is gone without leaving: what it polled and did not commit is read again by the next owner. */
  crash(member: Member): void
  /** The next commit fails: before it takes effect, or after, its answer being lost. */
  failNextCommit(failure?: Failure): void
}

const defaultRevokeTimeoutMs = 10_000
const defaultMaxRecords = 2_000_000

/** An empty log. */
export function memoryLog(options: MemoryLogOptions): MemoryLog {
  const { partitions, clock, groupRevokeTimeoutMs = defaultRevokeTimeoutMs, maxRecords = defaultMaxRecords } = options
  const contents = emptyContents(partitions, maxRecords)
  const fate = fateOf(options.faults ?? null, clock)
  const groups = new Map<string, MemoryGroup>()
  const members = new Map<Member, MemoryMember>()
  let closed = false

  const checkOpen = (): void => {
    if (closed) throw new Unavailable('The memory log is closed')
  }

  const groupOf = ({ group: name, topics }: JoinOptions): MemoryGroup => {
    const known = groups.get(name)
    if (known) {
      if (namesOf(known.topics) === namesOf(topics)) return known
      throw new Error(
        `The members of ${name} read ${namesOf(known.topics)}; one that reads ${namesOf(topics)} cannot join`,
      )
    }
    const group = {
      name,
      topics,
      shares: partitionShares(partitions, groupRevokeTimeoutMs, clock),
      contents,
      fate,
      clock,
    }
    groups.set(name, group)
    return group
  }

  const append = async (records: readonly NewRecord[]): Promise<void> => {
    checkOpen()
    await firstValueFrom(fate.delay())
    checkOpen()
    fated(() => contents.append(records), fate.next('append'))
  }

  const join = async (wanted: JoinOptions): Promise<Member> => {
    checkOpen()
    const member = memoryMember(groupOf(wanted))
    members.set(member, member)
    return member
  }

  const acked = (group: string, place: Assignment): number => {
    const { next, ackedAhead } = contents.position(group, place)
    return next + ackedAhead.length
  }

  const unacked = (group: string, place: Assignment): number => contents.records(place).length - acked(group, place)

  return {
    partitions,
    append,
    join,
    tail: (topic, tailOptions) => tailOf(contents, topic, tailOptions),
    unacked,
    acked,
    acks: (group) =>
      contents.moved.pipe(
        filter((moved) => moved === group),
        map(() => undefined),
      ),
    ask: async () => checkOpen(),
    close: async () => {
      closed = true
      for (const member of members.values()) await member.leave()
      contents.close()
    },
    crash: (member) => members.get(member)?.crash(),
    failNextCommit: (failure = 'write') => fate.failNextCommit(failure),
  }
}

function tailOf(
  contents: Contents,
  topic: Topic,
  { from = 'start', onReady }: TailOptions = {},
): Observable<LogRecord> {
  return new Observable((subscriber) => {
    const readers = placesOf(topic, contents.partitions).map((place) => {
      const records = contents.records(place)
      return { records, next: from === 'end' ? records.length : 0 }
    })
    onReady?.()
    let reading = false
    const read = (): void => {
      // What a subscriber causes while it is being told is told by the loop that is telling it.
      if (reading) return
      reading = true
      for (let found = true; found && !subscriber.closed; ) {
        found = false
        for (const reader of readers) {
          for (let record = reader.records[reader.next]; record; record = reader.records[reader.next]) {
            found = true
            reader.next++
            subscriber.next(record)
          }
        }
      }
      reading = false
    }
    read()
    subscriber.add(contents.added.subscribe({ next: read, complete: () => subscriber.complete() }))
  })
}

function placesOf(topic: Topic, partitions: number): Assignment[] {
  return Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
}

function namesOf(topics: readonly Topic[]): string {
  return topics.map(topicName).sort().join(', ')
}
