/** The log in memory, in virtual time, on which stages and workers are tested. Like a broker it lets several consumers
 *  share a group, reassigns partitions, fences, fails when a test says so, and outlives its consumers.
 *
 *  Invariant: records, positions and state of a commit become visible together. The same seed gives the same run. */
import { filter, firstValueFrom, map, Observable, type SchedulerLike } from 'rxjs'
import { Unavailable } from '../../../schemas/errors.js'
import { type Topic, topicName } from '../../../schemas/streams.js'
import type { Assignment, JoinOptions, Log, LogRecord, Member, TailOptions } from '../../engine/log.js'
import { type Contents, emptyContents } from './contents.js'
import { type Failure, type Fate, type Faults, fated, fateOf } from './faults.js'
import { type MemoryGroup, type MemoryMember, memoryMember } from './member.js'
import { partitionShares } from './partition-shares.js'

export interface MemoryLogOptions {
  readonly partitions: number
  readonly clock: SchedulerLike
  readonly faults?: Faults
  /** How long a consumer may keep partitions that are being revoked; 10 s unless given. */
  readonly groupRevokeTimeoutMs?: number
  /** An append that would exceed this many records is refused with `StorageFull`; 2,000,000 unless given. */
  readonly maxRecords?: number
}

/** The log, and what only a test may do to it. */
export interface MemoryLog extends Log {
  /** Ends the consumer without its leaving the group. The next owner reads again what it polled and did not commit. */
  crash(member: Member): void
  /** Makes the next commit fail: before it takes effect, or after, by losing the answer. */
  failNextCommit(failure?: Failure): void
}

const defaultRevokeTimeoutMs = 10_000
const defaultMaxRecords = 2_000_000

/** An empty log. */
export function memoryLog(options: MemoryLogOptions): MemoryLog {
  const { partitions, clock, maxRecords = defaultMaxRecords } = options
  const contents = emptyContents(partitions, maxRecords)
  const fate = fateOf(options.faults ?? null, clock)
  const groupOf = groupsOn(contents, fate, options)
  const members = new Map<Member, MemoryMember>()
  let closed = false

  const checkOpen = (): void => {
    if (closed) throw new Unavailable('The memory log is closed')
  }

  const acked = (group: string, place: Assignment): number => {
    const { next, ackedAhead } = contents.position(group, place)
    return next + ackedAhead.length
  }

  return {
    partitions,
    async append(records) {
      checkOpen()
      await firstValueFrom(fate.delay())
      checkOpen()
      fated(() => contents.append(records), fate.next('append'))
    },
    async join(wanted) {
      checkOpen()
      const member = memoryMember(groupOf(wanted))
      members.set(member, member)
      return member
    },
    tail: (topic, tailOptions) => tailOf(contents, topic, tailOptions),
    unacked: (group, place) => contents.records(place).length - acked(group, place),
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

/** Finds a group by its name, or creates it. All its consumers must read the same topics. */
function groupsOn(
  contents: Contents,
  fate: Fate,
  { partitions, clock, groupRevokeTimeoutMs = defaultRevokeTimeoutMs }: MemoryLogOptions,
): (options: JoinOptions) => MemoryGroup {
  const groups = new Map<string, MemoryGroup>()
  return ({ group: name, topics }) => {
    const known = groups.get(name)
    if (known) {
      if (namesOf(known.topics) === namesOf(topics)) return known
      throw new Error(
        `The members of ${name} read ${namesOf(known.topics)}; one that reads ${namesOf(topics)} cannot join`,
      )
    }
    const shares = partitionShares(partitions, groupRevokeTimeoutMs, clock)
    const group = { name, topics, shares, contents, fate, clock }
    groups.set(name, group)
    return group
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
      // A subscriber may append while it receives a record. The loop that is already running emits what it appended.
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
