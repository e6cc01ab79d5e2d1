/** What one member owns: partitions, each with its place in every way and its state in every lane.
 *
 *  Invariant: a partition is exposed only when it is restored and this member's, and leaves before the group hears of it;
 *  so no two members expose the same one. What is committed for it must have been read here since it came. */
import { join } from 'node:path'
import type { TopicPartitionOffset } from 'node-rdkafka'
import { type Lane, lanes, type Topic } from '../../../schemas/streams.js'
import type { Scope } from '../../../stages/stage.js'
import { type Assignment, Fenced, type Position, type Start, type Transaction } from '../../engine/log.js'
import { laneOf, nameOf } from '../../engine/topic-partition.js'
import type { LaneFeed, Source } from './lane-feed.js'
import type { Progress } from './progress.js'
import { openScopeStore, type ScopeStore, type StateWritten } from './scope-store.js'

/** One partition of a way that the member owns. */
export interface OwnedPlace {
  readonly source: Source
  readonly start: Start
  /** Of the start. */
  readonly ackedAhead: ReadonlySet<number>
  /** Settled records when it was taken over. */
  readonly startCount: number
  /** The first unacked offset as the worker last told it. */
  next: number
  /** The offset that is committed, and when it was; 0 where there is none. */
  committed: number
  committedAtMs: number
  /** True: everything read is acked. */
  acked: boolean
  count: number
}

/** One partition of all ways. */
export interface Holding {
  readonly partition: number
  readonly places: readonly OwnedPlace[]
  readonly stores: ReadonlyMap<Lane, ScopeStore>
}

/** Moves of places, as one commit makes them. */
export interface Move {
  readonly owned: OwnedPlace
  readonly position: Position
  readonly count: number
}

export interface AssignedPartitions {
  readonly partitions: ReadonlyMap<number, Holding>
  expose(holding: Holding): void
  /** Nothing more is read from them. */
  stopReading(partitions: readonly number[]): void
  /** They are no longer this member's. */
  drop(partitions: readonly number[]): void
  place(assignment: Assignment): OwnedPlace | undefined
  store(scope: Scope): ScopeStore | undefined
  /** How many entries of the state lie in the ranges, from a key to a key; counted up to `most`. */
  countState(ranges: readonly (readonly [string, string])[], most: number): number
  /** Throws `Fenced` where something in it is not, or not any more, this member's. */
  check(transaction: Transaction): void
  moves(positions: readonly Position[]): Move[]
  noteCommitted(moves: readonly Move[]): void
}

export function assignedPartitions(group: string, feeds: ReadonlyMap<Lane, LaneFeed>): AssignedPartitions {
  const partitions = new Map<number, Holding>()
  const places = new Map<Topic, Map<number, OwnedPlace>>()
  const placeOf = ({ topic, partition }: Assignment): OwnedPlace | undefined => places.get(topic)?.get(partition)
  const owned = (assignment: Assignment): OwnedPlace => {
    const found = placeOf(assignment)
    if (found) return found
    throw new Fenced(`${nameOf(assignment)} is not, or not any more, this member's in ${group}`)
  }

  return {
    partitions,
    expose(holding) {
      partitions.set(holding.partition, holding)
      for (const place of holding.places) {
        const { topic } = place.start
        places.set(topic, (places.get(topic) ?? new Map<number, OwnedPlace>()).set(holding.partition, place))
      }
    },
    stopReading(numbers) {
      for (const { start } of numbers.flatMap((number) => partitions.get(number)?.places ?? [])) {
        feeds.get(laneOf(start.topic))?.remove(start)
      }
    },
    drop(numbers) {
      for (const number of numbers) {
        const holding = partitions.get(number)
        for (const { start } of holding?.places ?? []) places.get(start.topic)?.delete(number)
        for (const store of holding?.stores.values() ?? []) store.close()
        partitions.delete(number)
      }
    },
    place: placeOf,
    store: ({ lane, partition }) => partitions.get(partition)?.stores.get(lane),
    countState(ranges, most) {
      let count = 0
      for (const { stores } of partitions.values()) {
        for (const store of stores.values()) {
          for (const [from, to] of ranges) count += store.count(from, to, most - count)
        }
      }
      return count
    },
    check({ positions, changes }) {
      for (const position of positions) checkPosition(owned(position), position, group)
      for (const { scope } of changes) {
        if (partitions.get(scope.partition)?.stores.has(scope.lane)) continue
        throw new Fenced(
          `The state of ${scope.lane} ${scope.partition} is not, or not any more, this member's in ${group}`,
        )
      }
    },
    moves: (positions) =>
      positions.map((position) => {
        const place = owned(position)
        return { owned: place, position: pastHoles(place, position), count: countAt(place, position) }
      }),
    noteCommitted(moves) {
      for (const { owned: place, position, count } of moves) {
        place.next = Math.min(position.next, place.source.readTo)
        place.committed = position.next
        place.committedAtMs = Date.now()
        place.acked = position.ackedAhead.length === 0 && place.next === place.source.readTo
        place.count = count
      }
    },
  }
}

/** The files of the scopes of a partition. A folder belongs to one process. */
export function openStores(
  folder: string,
  group: string,
  partition: number,
  topics: readonly Topic[],
  written?: StateWritten,
): ReadonlyMap<Lane, ScopeStore> {
  const own = lanes.filter((lane) => topics.some((topic) => laneOf(topic) === lane))
  // What a store holds depends on the ways that its owner serves: others' changes pass it by.
  return new Map(
    own.map((lane) => {
      const identity = topics
        .filter((topic) => laneOf(topic) === lane)
        .map(({ stream, channel }) => `${stream} ${channel}`)
        .sort()
        .join()
      return [lane, openScopeStore(join(folder, group, `${lane}-${partition}.db`), identity, written)]
    }),
  )
}

/** A place as it is taken over. `committed`: whether the group has an offset there; it is told again soon. */
export function ownedPlace(source: Source, start: Start, known: Progress, committed: boolean): OwnedPlace {
  const { next, ackedAhead } = start
  return {
    ...{
      source,
      start,
      ackedAhead: new Set(ackedAhead),
      startCount: known.count,
      next,
      committed: next,
      committedAtMs: committed ? 1 : 0,
    },
    acked: ackedAhead.length === 0,
    count: known.count,
  }
}

/** An offset of a place, to be committed. */
export function offsetOf(
  { source: { topic }, start: { partition } }: OwnedPlace,
  offset: number,
): TopicPartitionOffset {
  return { topic, partition, offset }
}

function checkPosition(place: OwnedPlace, { next, ackedAhead }: Position, group: string): void {
  const { source, start } = place
  const wasRead = (offset: number) => offset < source.readTo || place.ackedAhead.has(offset)
  let passed = Math.max(source.readTo, place.committed)
  while (passed < next && wasRead(passed)) passed++
  if (next >= place.next && next <= passed && ackedAhead.every(wasRead)) return
  throw new Fenced(`The work on ${nameOf(start)} is of a time before it came to this member of ${group}`)
}

/** At the end of a partition, the marks of transactions behind the last record count as acked with it. */
function pastHoles({ source }: OwnedPlace, position: Position): Position {
  const end = source.end()
  const atEnd = position.ackedAhead.length === 0 && position.next >= source.readTo && end > position.next
  return atEnd ? { ...position, next: end } : position
}

/** Records acked ever: offsets passed, without those that hold no record. */
function countAt({ source, start, startCount, count }: OwnedPlace, { next, ackedAhead }: Position): number {
  const passed = next + ackedAhead.length - (start.next + start.ackedAhead.length)
  return Math.max(count, startCount + passed - source.holes)
}
