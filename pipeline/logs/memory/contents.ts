/** What a memory log has committed: records, positions, state. Nothing here waits, so everything applied at once is
 *  seen at once and whole. */
import { type Observable, Subject } from 'rxjs'
import { StorageFull } from '../../../schemas/errors.js'
import type { Scope } from '../../../stages/stage.js'
import type { Assignment, LogRecord, NewRecord, Position, Transaction } from '../../engine/log.js'
import { partitionOf } from '../../engine/murmur2.js'
import { nameOf } from '../../engine/topic-partition.js'
import { type SortedEntries, sortedEntries } from './sorted-entries.js'

/** The committed contents of a log. */
export interface Contents {
  readonly partitions: number
  /** Fires after records were added. */
  readonly added: Observable<void>
  /** Fires with a group's name after its positions moved. */
  readonly moved: Observable<string>
  /** Every record of a partition of a way, by offset; it grows. */
  records(place: Assignment): readonly LogRecord[]
  position(group: string, place: Assignment): Position
  state(group: string, scope: Scope): SortedEntries
  /** Adds all or, where they are more than fits, throws `StorageFull` and adds none. */
  append(records: readonly NewRecord[]): void
  /** Commits all or throws as `append` does. */
  commit(group: string, transaction: Transaction): void
  /** Ends both streams. */
  close(): void
}

/** An empty log that holds at most `maxRecords`, for nothing is ever removed. */
export function emptyContents(partitions: number, maxRecords: number): Contents {
  const stored = new Map<string, LogRecord[]>()
  const positions = new Map<string, Position>()
  const states = new Map<string, SortedEntries>()
  const added = new Subject<void>()
  const moved = new Subject<string>()
  let count = 0

  const records = (place: Assignment): LogRecord[] => entryOf(stored, nameOf(place), () => [])

  const position = (group: string, place: Assignment): Position =>
    positions.get(`${group} ${nameOf(place)}`) ?? {
      topic: place.topic,
      partition: place.partition,
      next: 0,
      ackedAhead: [],
    }

  const state = (group: string, { lane, partition }: Scope): SortedEntries =>
    entryOf(states, `${group} ${lane} ${partition}`, sortedEntries)

  /** Only what other logs would keep is kept: the bytes, not the event that they say. */
  const add = ({ topic, key, value, headers, timestampMs }: NewRecord): void => {
    const partition = key ? partitionOf(key, partitions) : count % partitions
    const own = records({ topic, partition })
    own.push({ topic, key, value, headers, timestampMs, partition, offset: own.length })
    count++
  }

  const checkRoom = (more: number): void => {
    if (count + more > maxRecords) throw new StorageFull(`The memory log is full: it holds ${maxRecords} records`)
  }

  const append = (newRecords: readonly NewRecord[]): void => {
    checkRoom(newRecords.length)
    for (const record of newRecords) add(record)
    if (newRecords.length > 0) added.next()
  }

  const commit = (group: string, transaction: Transaction): void => {
    checkRoom(transaction.outputs.length)
    for (const change of transaction.changes) state(group, change.scope).apply(change)
    for (const moving of transaction.positions) positions.set(`${group} ${nameOf(moving)}`, moving)
    append(transaction.outputs)
    if (transaction.positions.length > 0) moved.next(group)
  }

  const close = (): void => {
    added.complete()
    moved.complete()
  }

  return { partitions, added, moved, records, position, state, append, commit, close }
}

function entryOf<V>(map: Map<string, V>, key: string, create: () => V): V {
  const found = map.get(key)
  if (found !== undefined) return found
  const created = create()
  map.set(key, created)
  return created
}
