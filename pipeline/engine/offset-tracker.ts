/** Keeps what is settled in each partition, in whatever order it is settled.
 *
 *  Invariant: `next` is the first offset that is not settled; `beyond` holds those settled after it. Committed with
 *  every step, so that a restart skips what was done out of order. Offsets that hold no record, as Kafka's transactions
 *  leave them, count as settled when a record after them is met. */
import type { Assignment, LogRecord, Position, Start } from './log.js'
import { nameOf } from './topic-partition.js'

interface Tracked {
  readonly assignment: Assignment
  next: number
  /** Offset after the last record that was met. */
  met: number
  readonly beyond: Set<number>
  readonly freshFrom: number
  moved: boolean
}

export interface OffsetTracker {
  /** Meets a record as it is polled, each once and those of a partition in order. True when it was settled before this
   *  member took over. */
  isSettled(record: LogRecord): boolean
  /** True when nobody before this member can have worked on the record. */
  isFresh(record: LogRecord): boolean
  settle(record: LogRecord): void
  /** Where the partitions that moved since the last call stand now. */
  takeMoved(): Position[]
  /** The partitions go to another member; one that comes back begins where it then stands. */
  forget(assignments: readonly Assignment[]): void
}

export function offsetTracker(start: (assignment: Assignment) => Start): OffsetTracker {
  const partitions = new Map<string, Tracked>()
  const byWay = new Map<LogRecord['way'], Map<number, Tracked>>()

  return {
    isSettled: (record) => meet(find(record), record.offset),
    isFresh: (record) => record.offset >= find(record).freshFrom,
    settle: (record) => settleIn(find(record), record.offset),
    takeMoved() {
      const positions: Position[] = []
      for (const tracked of partitions.values()) {
        if (!tracked.moved) continue
        tracked.moved = false
        const { assignment, next, beyond } = tracked
        positions.push({ ...assignment, next, beyond: [...beyond].sort((a, b) => a - b) })
      }
      return positions
    },
    forget(assignments) {
      for (const assignment of assignments) partitions.delete(nameOf(assignment))
      byWay.clear()
    },
  }

  /** Ways are the same objects for every record of a batch, so most look-ups are two map reads. */
  function find({ way, partition }: LogRecord): Tracked {
    let ofWay = byWay.get(way)
    if (!ofWay) {
      ofWay = new Map()
      byWay.set(way, ofWay)
    }
    let tracked = ofWay.get(partition)
    if (!tracked) {
      tracked = open({ way, partition })
      ofWay.set(partition, tracked)
    }
    return tracked
  }

  function open(assignment: Assignment): Tracked {
    const name = nameOf(assignment)
    const tracked = partitions.get(name) ?? trackedFrom(start(assignment), assignment)
    partitions.set(name, tracked)
    return tracked
  }
}

function trackedFrom({ next, beyond, freshFrom }: Start, assignment: Assignment): Tracked {
  return { assignment, next, met: next, beyond: new Set(beyond), freshFrom, moved: false }
}

/** True where the offset was settled before. */
function meet(tracked: Tracked, offset: number): boolean {
  if (offset > tracked.met) passHoles(tracked, offset)
  tracked.met = offset + 1
  const { next, beyond } = tracked
  return offset < next || (beyond.size > 0 && beyond.has(offset))
}

function settleIn(tracked: Tracked, offset: number): void {
  tracked.moved = true
  if (offset !== tracked.next) {
    if (offset > tracked.next) tracked.beyond.add(offset)
    return
  }
  tracked.next++
  while (tracked.beyond.size > 0 && tracked.beyond.delete(tracked.next)) tracked.next++
}

/** No record stands from `met` up to `offset`. */
function passHoles(tracked: Tracked, offset: number): void {
  const { beyond, met } = tracked
  if (tracked.next < met) {
    for (let hole = met; hole < offset; hole++) beyond.add(hole)
    return
  }
  for (const settled of beyond) if (settled < offset) beyond.delete(settled)
  tracked.next = Math.max(tracked.next, offset)
  while (beyond.size > 0 && beyond.delete(tracked.next)) tracked.next++
}
