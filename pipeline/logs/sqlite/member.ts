/** The one member of a group on the SQLite log. */
import { BehaviorSubject, type Subject } from 'rxjs'
import { type Lane, lanes, type Topic } from '../../../schemas/streams.js'
import type { Scope, StateChange, StateEntry } from '../../../stages/stage.js'
import { shareOut } from '../../engine/lanes.js'
import {
  Fenced,
  type JoinOptions,
  type LogRecord,
  type Member,
  type NewRecord,
  type Position,
  pollBytes,
  type Transaction,
} from '../../engine/log.js'
import type { Database } from './database.js'
import type { openLogTables, Partition } from './log-tables.js'
import type { RecentRecords } from './recent-records.js'
import type { Segment } from './segment.js'
import { type SegmentReader, segmentReader } from './segment-reader.js'

/** How far one group has come in one partition, kept in memory as it stands in the file. */
export interface GroupPosition {
  next: number
  ackedAhead: readonly number[]
}

/** One partition's part of what is to be written. */
export interface PackedRecords {
  readonly partition: Partition
  readonly records: readonly NewRecord[]
  readonly segments: readonly Segment[]
}

/** What the log and its members share. */
export interface SharedLog {
  readonly database: Database
  readonly tables: ReturnType<typeof openLogTables>
  readonly nowMs: () => number
  readonly recent: RecentRecords
  /** Fires after records became readable. */
  readonly appended: Subject<void>
  /** Records made ready to be written. Done before the transaction, for it may throw. */
  packed(records: readonly NewRecord[]): readonly PackedRecords[]
  /** Writes within a transaction. Only the storage can make it throw, and then the whole transaction fails. */
  write(packed: readonly PackedRecords[]): void
  /** A commit failed: what was noted in memory of its writes is not true. */
  undo(): void
  partitionsOf(topic: Topic): readonly Partition[]
  groupPosition(group: string, partition: Partition): GroupPosition
  acked(group: string): Subject<void>
}

interface Source {
  readonly lane: Lane
  readonly reader: SegmentReader
}

export function sqliteMember(log: SharedLog, { group, topics }: JoinOptions): Member {
  const { database, tables } = log
  const owned = topics.flatMap((topic) => log.partitionsOf(topic))
  const sources: readonly Source[] = owned.map((partition) => ({
    lane: partition.topic.lane ?? 'normal',
    reader: segmentReader(tables, partition, log.groupPosition(group, partition).next, log.recent),
  }))
  const ends = new Map(owned.map((partition) => [partition, partition.end]))
  const assignments = new BehaviorSubject(owned.map(({ topic, partition }) => ({ topic, partition })))
  const putState = database.prepare(
    `INSERT INTO log_state (scope, key, value, expires_ms) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET value = excluded.value, expires_ms = excluded.expires_ms`,
  )
  const deleteState = database.prepare('DELETE FROM log_state WHERE scope = ? AND key = ?')
  const getState = database.prepare('SELECT value FROM log_state WHERE scope = ? AND key = ?')
  const rangeState = database.prepare(
    'SELECT key, value FROM log_state WHERE scope = ? AND key >= ? AND key < ? ORDER BY key LIMIT ?',
  )
  let left = false
  let wake: (() => void) | null = null
  const subscription = log.appended.subscribe(() => wake?.())

  return {
    assignments,
    start({ topic, partition }) {
      const { next, ackedAhead } = log.groupPosition(group, tables.partition(topic, partition))
      return {
        topic,
        partition,
        next,
        ackedAhead,
        firstDeliveryFrom: ends.get(tables.partition(topic, partition)) ?? Infinity,
      }
    },
    async poll(max, waitMs) {
      if (left) return []
      const records = read(max)
      if (records.length > 0 || waitMs <= 0) return records
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, waitMs)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      wake = null
      return left ? [] : read(max)
    },
    async commit(transaction) {
      if (left) throw new Fenced('This member has left its group.')
      const packed = log.packed(transaction.outputs)
      await database
        .write(() => write(packed, transaction), transaction.durable)
        .catch((error: unknown) => {
          log.undo()
          throw error
        })
      for (const position of transaction.positions) ack(position)
      if (transaction.outputs.length > 0) log.appended.next()
      log.acked(group).next()
    },
    get(scope, key) {
      const row = database.read(() => getState.get(tables.scopeId(group, scope), key))
      return (row as { value: Uint8Array } | undefined)?.value
    },
    range(scope: Scope, from: string, to: string, limit: number) {
      const rows = database.read(() => rangeState.all(tables.scopeId(group, scope), from, to, limit))
      return rows as unknown as StateEntry[]
    },
    onRevoke: () => undefined,
    async leave() {
      left = true
      subscription.unsubscribe()
      wake?.()
    },
  }

  function read(max: number): LogRecord[] {
    return database.read(() => readShared(sources, max))
  }

  function write(packed: readonly PackedRecords[], { changes, positions }: Transaction): void {
    for (const change of changes) apply(change)
    for (const position of positions) {
      tables.putPosition(group, tables.partition(position.topic, position.partition), position)
    }
    // Last: it moves the ends in memory, which must not have moved where this work alone is undone.
    log.write(packed)
  }

  function apply({ scope, key, value, expiresAtMs }: StateChange): void {
    const id = tables.scopeId(group, scope)
    if (value === null) deleteState.run(id, key)
    else putState.run(id, key, value, expiresAtMs)
  }

  function ack({ topic, partition, next, ackedAhead }: Position): void {
    const position: GroupPosition = log.groupPosition(group, tables.partition(topic, partition) as Partition)
    position.next = next
    position.ackedAhead = ackedAhead
  }
}

/** Shares one poll out among lanes, and within a lane among its ways and partitions, each getting an even part. */
function readShared(sources: readonly Source[], max: number): LogRecord[] {
  const waiting: Record<Lane, number> = { high: 0, normal: 0, low: 0 }
  for (const { lane, reader } of sources) waiting[lane] += reader.waiting()
  const quota = shareOut(max, waiting)
  const records: LogRecord[] = []
  let bytesLeft = pollBytes
  for (const lane of lanes) {
    let left = quota[lane]
    const own = sources.filter((source) => source.lane === lane && source.reader.waiting() > 0)
    own.sort((a, b) => a.reader.waiting() - b.reader.waiting())
    for (const [index, { reader }] of own.entries()) {
      const read = reader.read(Math.min(left, Math.ceil(left / (own.length - index))), bytesLeft)
      left -= read.length
      for (const record of read) {
        records.push(record)
        bytesLeft -= record.value?.length ?? 0
      }
    }
  }
  return records
}
