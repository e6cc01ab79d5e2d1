/** The log on the one SQLite file: records, positions and state commit in the same transaction.
 *
 *  Invariant: a record is readable only after its commit, and the offsets of a partition are dense. The lock of the
 *  data folder ensures that one process owns the file, so a group has one consumer and its partitions never move. */
import { Observable } from 'rxjs'
import { streamNames, type Topic, topicsOf } from '../../../schemas/streams.js'
import type { Assignment, CountState, Log, LogRecord, NewRecord, TailOptions } from '../../engine/log.js'
import type { Database } from './database.js'
import { type LogLimits, pruneLog } from './log-retention.js'
import { openLogTables } from './log-tables.js'
import { sqliteMember } from './member.js'
import { segmentReader } from './segment-reader.js'
import { type SharedLog, sharedLog } from './shared-log.js'

export interface SqliteLogOptions {
  readonly partitions: number
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number
}

export interface SqliteLog extends Log {
  readonly countState: CountState
  /** Removes a bounded part of what retention allows to go; true when there may be more. */
  prune(limits: LogLimits): Promise<boolean>
  /** Appends, and runs `alongside` in the same transaction, which commits as a whole or not at all. The records are
   *  appended only if `alongside` returns `append: true`. */
  appendIf<T extends { readonly append: boolean }>(records: readonly NewRecord[], alongside: () => T): Promise<T>
}

export function sqliteLog(database: Database, { partitions, nowMs }: SqliteLogOptions): SqliteLog {
  const topics = streamNames().flatMap(topicsOf)
  const tables = openLogTables(database)
  tables.partitions.prepare(topics, partitions)
  const shared = sharedLog(database, tables, partitions, nowMs)

  const acked = (group: string, { topic, partition }: Assignment): number => {
    const { next, ackedAhead } = tables.positions.of(group, tables.partitions.of(topic, partition).id)
    return next + ackedAhead.length
  }

  return {
    partitions,
    append: async (records) => {
      await appendIf(shared, records, () => ({ append: true }))
    },
    appendIf: (records, alongside) => appendIf(shared, records, alongside),
    async join(options) {
      // From now on retention waits for the group, even before it has acked anything.
      const read = options.topics.flatMap((topic) => shared.partitionsOf(topic).map(({ id }) => id))
      await database.write(() => tables.positions.enrol(options.group, read), false)
      return sqliteMember(shared, options)
    },
    tail: (topic, options) => tailOf(shared, topic, options),
    unacked: (group, assignment) =>
      tables.partitions.of(assignment.topic, assignment.partition).end - acked(group, assignment),
    acked,
    acks: (group) => shared.acked(group),
    ask: async () => {
      database.prepare('SELECT 1').get()
    },
    countState: (group, ranges, most) => tables.state.count(group, ranges, most),
    prune: (limits) => {
      const all = topics.flatMap((topic) => shared.partitionsOf(topic))
      return pruneLog(database, tables.segments, all, limits)
    },
    close: async () => {
      shared.appended.complete()
    },
  }
}

async function appendIf<T extends { readonly append: boolean }>(
  log: SharedLog,
  records: readonly NewRecord[],
  alongside: () => T,
): Promise<T> {
  const packed = log.packed(records)
  const decide = (): T => {
    const decision = alongside()
    if (decision.append) log.write(packed)
    return decision
  }
  const result = await log.commit(decide, true)
  if (result.append) log.appended.next()
  return result
}

function tailOf(log: SharedLog, topic: Topic, { from = 'start', onReady }: TailOptions = {}): Observable<LogRecord> {
  return new Observable((subscriber) => {
    const readers = log
      .partitionsOf(topic)
      .map((partition) => segmentReader(log.tables.segments, partition, from === 'end' ? partition.end : 0, null))
    onReady?.()
    const read = () => {
      for (const reader of readers) {
        for (const record of reader.read(Number.POSITIVE_INFINITY)) subscriber.next(record)
      }
    }
    read()
    return log.appended.subscribe(read)
  })
}
