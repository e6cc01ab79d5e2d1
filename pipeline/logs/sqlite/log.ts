/** The log on the one SQLite file: records, positions and state commit in the same transaction.
 *
 *  Invariant: a record is readable only after its commit; offsets of a partition are dense. One process owns the file
 *  (the lock of the data folder sees to it), so a group has one member and its partitions never move. */
import { Observable, Subject } from 'rxjs'
import { streamNames, type Topic, topicsOf } from '../../../schemas/streams.js'
import type { CountState, JoinOptions, Log, LogRecord, Member, NewRecord, TailOptions } from '../../engine/log.js'
import { partitionOf } from '../../engine/murmur2.js'
import type { Database } from './database.js'
import { type LogLimits, pruneLog } from './log-retention.js'
import { openLogTables, type Partition } from './log-tables.js'
import { type GroupPosition, type SharedLog, sqliteMember } from './member.js'
import { recentRecords } from './recent-records.js'
import { pack } from './segment.js'
import { segmentReader } from './segment-reader.js'

export interface SqliteLogOptions {
  readonly partitions: number
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number
}

export interface SqliteLog extends Log {
  readonly countState: CountState
  /** Removes a bite of what is needed no more; true when there may be more. */
  prune(limits: LogLimits): Promise<boolean>
  /** Appends, and runs `alongside` in the same transaction: all of both, or nothing. The records are appended only if
   *  it returns true. */
  appendIf<T extends { readonly append: boolean }>(records: readonly NewRecord[], alongside: () => T): Promise<T>
}

export function sqliteLog(database: Database, { partitions, nowMs }: SqliteLogOptions): SqliteLog {
  const tables = openLogTables(database)
  tables.prepare(streamNames().flatMap(topicsOf), partitions)
  const positions = new Map<string, Map<Partition, GroupPosition>>()
  const acks = new Map<string, Subject<void>>()
  const shared: SharedLog = {
    database,
    tables,
    nowMs,
    recent: recentRecords(),
    appended: new Subject(),
    packed: (records) =>
      [...byPartition(records)].map(([partition, own]) => ({ partition, records: own, segments: pack(own) })),
    write(packed) {
      const now = nowMs()
      for (const { partition, records, segments } of packed) {
        shared.recent.add(partition, partition.end, records)
        for (const segment of segments) tables.append(partition, segment, now)
      }
    },
    undo() {
      tables.reload()
      shared.recent.clear()
    },
    partitionsOf: (topic) => Array.from({ length: partitions }, (_, partition) => tables.partition(topic, partition)),
    groupPosition(group, partition) {
      let ofGroup = positions.get(group)
      if (!ofGroup) {
        ofGroup = new Map()
        positions.set(group, ofGroup)
      }
      let position = ofGroup.get(partition)
      if (!position) {
        position = { ...tables.position(group, partition) }
        ofGroup.set(partition, position)
      }
      return position
    },
    acked(group) {
      let subject = acks.get(group)
      if (!subject) {
        subject = new Subject()
        acks.set(group, subject)
      }
      return subject
    },
  }

  return {
    partitions,
    append: async (records) => {
      await appendIf(records, () => ({ append: true }))
    },
    appendIf,
    async join(options: JoinOptions): Promise<Member> {
      // From now on retention waits for the group, also where it has acked nothing yet.
      const read = options.topics.flatMap((topic) => shared.partitionsOf(topic))
      await database.write(() => tables.enrol(options.group, read), false)
      return sqliteMember(shared, options)
    },
    tail,
    unacked(group, assignment) {
      const partition = tables.partition(assignment.topic, assignment.partition)
      const { next, ackedAhead } = shared.groupPosition(group, partition)
      return partition.end - next - ackedAhead.length
    },
    acked(group, assignment) {
      const { next, ackedAhead } = shared.groupPosition(group, tables.partition(assignment.topic, assignment.partition))
      return next + ackedAhead.length
    },
    acks: (group) => shared.acked(group),
    ask: async () => {
      database.prepare('SELECT 1').get()
    },
    countState: (group, ranges, most) => tables.countState(group, ranges, most),
    prune: (limits) => {
      const all = streamNames().flatMap((stream) => topicsOf(stream).flatMap((topic) => shared.partitionsOf(topic)))
      return pruneLog(database, tables, all, limits)
    },
    close: async () => {
      shared.appended.complete()
    },
  }

  async function appendIf<T extends { readonly append: boolean }>(records: readonly NewRecord[], alongside: () => T) {
    const packed = shared.packed(records)
    const result = await database
      .write(() => {
        const decision = alongside()
        if (decision.append) shared.write(packed)
        return decision
      }, true)
      .catch((error: unknown) => {
        shared.undo()
        throw error
      })
    if (result.append) shared.appended.next()
    return result
  }

  function byPartition(records: readonly NewRecord[]): Map<Partition, NewRecord[]> {
    const groups = new Map<Partition, NewRecord[]>()
    for (const record of records) {
      const number = record.key === null ? 0 : partitionOf(record.key, partitions)
      const partition = tables.partition(record.topic, number)
      const own = groups.get(partition)
      if (own) own.push(record)
      else groups.set(partition, [record])
    }
    return groups
  }

  function tail(topic: Topic, { from = 'start', onReady }: TailOptions = {}): Observable<LogRecord> {
    return new Observable((subscriber) => {
      const readers = shared
        .partitionsOf(topic)
        .map((partition) => segmentReader(tables, partition, from === 'end' ? partition.end : 0, null))
      onReady?.()
      const read = () => {
        for (const reader of readers) {
          for (const record of reader.read(Number.POSITIVE_INFINITY)) subscriber.next(record)
        }
      }
      read()
      return shared.appended.subscribe(read)
    })
  }
}
