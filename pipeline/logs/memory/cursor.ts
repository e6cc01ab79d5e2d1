/** How far a group consumer has read, and how one poll is shared among the topic-partitions assigned to it. */
import { BehaviorSubject, type Observable } from 'rxjs'
import { type Lane, lanes } from '../../../schemas/streams.js'
import type { StateChange } from '../../../stages/stage.js'
import { shareOut } from '../../engine/lanes.js'
import {
  type Assignment,
  Fenced,
  type LogRecord,
  type Position,
  type Start,
  type Transaction,
} from '../../engine/log.js'
import { nameOf } from '../../engine/topic-partition.js'
import type { Contents } from './contents.js'

/** The cursors of one consumer in the topic-partitions assigned to it. */
export interface AssignedCursors {
  /** Emits the assigned topic-partitions, at once and after every change. */
  readonly assignments: Observable<readonly Assignment[]>
  /** Replaces the assignment. What was assigned before keeps its cursor. */
  assign(places: readonly Assignment[]): void
  /** Throws `Fenced` where the topic-partition is not assigned. */
  start(place: Assignment): Start
  /** At most `max` records of those partitions for which `isKept` is true. */
  read(max: number, isKept: (partition: number) => boolean): readonly LogRecord[]
  /** Throws `Fenced` where the transaction moves a position back or past what was read, or changes the state of a
   *  partition that is not assigned. */
  check(transaction: Transaction): void
}

/** Nothing is assigned yet. */
export function assignedCursors(group: string, contents: Contents): AssignedCursors {
  const assignments = new BehaviorSubject<readonly Assignment[]>([])
  let cursors: ReadonlyMap<string, Cursor> = new Map()

  const open = (place: Assignment): Cursor => cursorAt(place, contents.position(group, place), contents)

  const checkPosition = (position: Position): void => {
    const before = contents.position(group, position)
    const isForward = position.next >= before.next
    if (isForward && cursors.get(nameOf(position))?.covers(position)) return
    throw new Fenced(`${nameOf(position)} is not, or not any more, this member's in ${group}`)
  }

  const checkScope = ({ scope: { partition } }: StateChange): void => {
    if (![...cursors.values()].some(({ place }) => place.partition === partition)) {
      throw new Fenced(`The state of partition ${partition} is not, or not any more, this member's in ${group}`)
    }
  }

  return {
    assignments,
    assign(places) {
      cursors = new Map(places.map((place) => [nameOf(place), cursors.get(nameOf(place)) ?? open(place)]))
      assignments.next(places)
    },
    start(place) {
      const cursor = cursors.get(nameOf(place))
      if (!cursor) throw new Fenced(`${nameOf(place)} is not this member's in ${group}`)
      return cursor.start
    },
    read: (max, isKept) =>
      readShared(
        [...cursors.values()].filter(({ place }) => isKept(place.partition)),
        max,
      ),
    check({ positions, changes }) {
      for (const position of positions) checkPosition(position)
      for (const change of changes) checkScope(change)
    },
  }
}

/** A consumer's place in one topic-partition, from its assignment until its revocation. */
interface Cursor {
  readonly place: Assignment
  readonly lane: Lane
  /** The group's position at the assignment. */
  readonly start: Start
  /** How many records have not been read yet. */
  waiting(): number
  /** The next `count`, in order. */
  read(count: number): readonly LogRecord[]
  /** True when every record that the position acks was read here or acked before. */
  covers(position: Position): boolean
}

/** A cursor at the first record that the group has not acked. */
function cursorAt(place: Assignment, position: Position, contents: Contents): Cursor {
  const records = contents.records(place)
  const start = { ...position, firstDeliveryFrom: records.length }
  let offset = start.next
  return {
    place,
    lane: place.topic.lane ?? 'normal',
    start,
    waiting: () => records.length - offset,
    read: (count) => {
      const read = records.slice(offset, offset + count)
      offset += read.length
      return read
    },
    covers: ({ next, ackedAhead }) => {
      const before = new Set(start.ackedAhead)
      return next <= offset && ackedAhead.every((acked) => acked < offset || before.has(acked))
    },
  }
}

/** At most `max` records: `shareOut` divides them among the lanes, and each lane divides its part evenly among its
 *  topic-partitions. */
function readShared(cursors: readonly Cursor[], max: number): readonly LogRecord[] {
  const waiting: Record<Lane, number> = { high: 0, normal: 0, low: 0 }
  for (const cursor of cursors) waiting[cursor.lane] += cursor.waiting()
  const quota = shareOut(max, waiting)
  return lanes.flatMap((lane) => {
    const own = cursors.filter((cursor) => cursor.lane === lane && cursor.waiting() > 0)
    return readEvenly(own, quota[lane])
  })
}

/** Reads from those with the fewest records first, so that what they leave of their part goes to the others. */
function readEvenly(cursors: readonly Cursor[], count: number): LogRecord[] {
  const emptiestFirst = [...cursors].sort((a, b) => a.waiting() - b.waiting())
  const records: LogRecord[] = []
  for (const [index, cursor] of emptiestFirst.entries()) {
    const part = Math.ceil((count - records.length) / (emptiestFirst.length - index))
    for (const record of cursor.read(part)) records.push(record)
  }
  return records
}
