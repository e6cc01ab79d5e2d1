/** Keeps what is acked in each partition, in whatever order it is acked.
 *
 *  Invariant: `next` is the first offset that is not acked; `beyond` holds those acked after it. Committed with
 *  every step, so that a restart skips what was done out of order. Offsets that hold no record, as Kafka's transactions
 *  leave them, count as acked when a record after them is met. */
import type { Assignment, LogRecord, Position, Start } from './log.js'
import { nameOf } from './topic-partition.js'

interface Tracked {
  readonly assignment: Assignment
  next: number
  /** Offset after the last record that was met. */
  met: number
  readonly ackedAhead: Set<number>
  readonly firstDeliveryFrom: number
  moved: boolean
}

export interface OffsetTracker {
  /** Meets a record as it is polled, each once and those of a partition in order. True when it was acked before this
   *  member took over. */
  isAcked(record: LogRecord): boolean
  /** True when nobody before this member can have worked on the record. */
  isFresh(record: LogRecord): boolean
  ack(record: LogRecord): void
  /** Where the partitions that moved since the last call stand now. */
  takeMoved(): Position[]
  /** The partitions go to another member; one that comes back begins where it then stands. */
  forget(assignments: readonly Assignment[]): void
}

export function offsetTracker(start: (assignment: Assignment) => Start): OffsetTracker {
  const partitions = new Map<string, Tracked>()
  const byTopic = new Map<LogRecord['topic'], Map<number, Tracked>>()

  return {
    isAcked: (record) => meet(find(record), record.offset),
    isFresh: (record) => record.offset >= find(record).firstDeliveryFrom,
    ack: (record) => settleIn(find(record), record.offset),
    takeMoved() {
      const positions: Position[] = []
      for (const tracked of partitions.values()) {
        if (!tracked.moved) continue
        tracked.moved = false
        const { assignment, next, ackedAhead } = tracked
        positions.push({ ...assignment, next, ackedAhead: [...ackedAhead].sort((a, b) => a - b) })
      }
      return positions
    },
    forget(assignments) {
      for (const assignment of assignments) partitions.delete(nameOf(assignment))
      byTopic.clear()
    },
  }

  /** Ways are the same objects for every record of a batch, so most look-ups are two map reads. */
  function find({ topic, partition }: LogRecord): Tracked {
    let ofTopic = byTopic.get(topic)
    if (!ofTopic) {
      ofTopic = new Map()
      byTopic.set(topic, ofTopic)
    }
    let tracked = ofTopic.get(partition)
    if (!tracked) {
      tracked = open({ topic, partition })
      ofTopic.set(partition, tracked)
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

function trackedFrom({ next, ackedAhead, firstDeliveryFrom }: Start, assignment: Assignment): Tracked {
  return { assignment, next, met: next, ackedAhead: new Set(ackedAhead), firstDeliveryFrom, moved: false }
}

/** True where the offset was acked before. */
function meet(tracked: Tracked, offset: number): boolean {
  if (offset > tracked.met) passHoles(tracked, offset)
  tracked.met = offset + 1
  const { next, ackedAhead } = tracked
  return offset < next || (ackedAhead.size > 0 && ackedAhead.has(offset))
}

function settleIn(tracked: Tracked, offset: number): void {
  tracked.moved = true
  if (offset !== tracked.next) {
    if (offset > tracked.next) tracked.ackedAhead.add(offset)
    return
  }
  tracked.next++
  while (tracked.ackedAhead.size > 0 && tracked.ackedAhead.delete(tracked.next)) tracked.next++
}

/** No record stands from `met` up to `offset`. */
function passHoles(tracked: Tracked, offset: number): void {
  const { ackedAhead, met } = tracked
  if (tracked.next < met) {
    for (let hole = met; hole < offset; hole++) ackedAhead.add(hole)
    return
  }
  for (const acked of ackedAhead) if (acked < offset) ackedAhead.delete(acked)
  tracked.next = Math.max(tracked.next, offset)
  while (ackedAhead.size > 0 && ackedAhead.delete(tracked.next)) tracked.next++
}
