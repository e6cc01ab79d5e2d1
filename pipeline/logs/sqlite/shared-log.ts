/** What the SQLite log and its group consumers share: writing records, and notice of what was written. */
import { Subject } from 'rxjs'
import type { Topic } from '../../../schemas/streams.js'
import type { NewRecord } from '../../engine/log.js'
import { partitionOf } from '../../engine/murmur2.js'
import type { Database } from './database.js'
import type { LogTables } from './log-tables.js'
import type { Partition } from './partition-table.js'
import { type RecentRecords, recentRecords } from './recent-records.js'
import { pack, type Segment } from './segment.js'

/** The records of one write that go to the same partition. */
export interface PackedRecords {
  readonly partition: Partition
  readonly records: readonly NewRecord[]
  readonly segments: readonly Segment[]
}

export interface SharedLog {
  readonly database: Database
  readonly tables: LogTables
  readonly recent: RecentRecords
  /** Fires after records became readable. */
  readonly appended: Subject<void>
  /** Serializes records for `write`. Serializing may throw, so it is done before the transaction. */
  packed(records: readonly NewRecord[]): readonly PackedRecords[]
  /** Writes within `commit`. It advances the partitions' ends in memory, so it must come last in its transaction: only
   *  the storage can make it throw, and then the whole transaction fails. */
  write(packed: readonly PackedRecords[]): void
  /** Runs `work` in a transaction, as `Database.write` does. When it fails, what was noted in memory is read from the
   *  file again. */
  commit<T>(work: () => T, durable: boolean): Promise<T>
  partitionsOf(topic: Topic): readonly Partition[]
  /** Fires after the group's positions moved. */
  acked(group: string): Subject<void>
}

/** `partitions`: how many each topic has. `nowMs` is in milliseconds since the epoch. */
export function sharedLog(database: Database, tables: LogTables, partitions: number, nowMs: () => number): SharedLog {
  const recent = recentRecords()
  const acks = new Map<string, Subject<void>>()

  return {
    database,
    tables,
    recent,
    appended: new Subject(),
    packed: (records) =>
      [...byPartition(records, tables, partitions)].map(([partition, own]) => ({
        partition,
        records: own,
        segments: pack(own),
      })),
    write(packed) {
      const now = nowMs()
      for (const { partition, records, segments } of packed) {
        recent.add(partition, partition.end, records)
        for (const segment of segments) tables.segments.append(partition, segment, now)
      }
    },
    commit: (work, durable) =>
      database.write(work, durable).catch((error: unknown) => {
        tables.partitions.reload()
        tables.state.reload()
        recent.clear()
        throw error
      }),
    partitionsOf: (topic) =>
      Array.from({ length: partitions }, (_, partition) => tables.partitions.of(topic, partition)),
    acked(group) {
      const subject = acks.get(group) ?? new Subject()
      acks.set(group, subject)
      return subject
    },
  }
}

/** Groups records by the partition that their key leads to; records without a key go to partition 0. */
function byPartition(
  records: readonly NewRecord[],
  tables: LogTables,
  partitions: number,
): Map<Partition, NewRecord[]> {
  const groups = new Map<Partition, NewRecord[]>()
  for (const record of records) {
    const number = record.key === null ? 0 : partitionOf(record.key, partitions)
    const partition = tables.partitions.of(record.topic, number)
    const own = groups.get(partition)
    if (own) own.push(record)
    else groups.set(partition, [record])
  }
  return groups
}
