/** How far a member has read, and how one poll is shared out among what it reads. */
import { type Lane, lanes } from '../../../schemas/streams.js'
import { shareOut } from '../../engine/lanes.js'
import type { Assignment, LogRecord, Position, Start } from '../../engine/log.js'
import type { Contents } from './contents.js'

/** A member's place in one partition of a way, from when it was assigned until it is lost. */
export interface Cursor {
  readonly place: Assignment
  readonly lane: Lane
  /** Where the group stood when it was assigned. */
  readonly start: Start
  /** Records not read yet. */
  waiting(): number
  /** The next `count`, in order. */
  read(count: number): readonly LogRecord[]
  /** True when everything that the position acks was read here or acked before. */
  covers(position: Position): boolean
}

/** A cursor at the first record that the group has not acked. */
export function cursorAt(place: Assignment, position: Position, contents: Contents): Cursor {
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

/** At most `max` records: lanes as `shareOut` says, and within a lane an even part of every way and partition. */
export function readShared(cursors: readonly Cursor[], max: number): readonly LogRecord[] {
  const waiting: Record<Lane, number> = { high: 0, normal: 0, low: 0 }
  for (const cursor of cursors) waiting[cursor.lane] += cursor.waiting()
  const quota = shareOut(max, waiting)
  return lanes.flatMap((lane) => {
    const own = cursors.filter((cursor) => cursor.lane === lane && cursor.waiting() > 0)
    return readEvenly(own, quota[lane])
  })
}

/** Those with the least waiting first, so that what they leave of their part goes to the others. */
function readEvenly(cursors: readonly Cursor[], count: number): LogRecord[] {
  const emptiestFirst = [...cursors].sort((a, b) => a.waiting() - b.waiting())
  const records: LogRecord[] = []
  for (const [index, cursor] of emptiestFirst.entries()) {
    const part = Math.ceil((count - records.length) / (emptiestFirst.length - index))
    for (const record of cursor.read(part)) records.push(record)
  }
  return records
}
