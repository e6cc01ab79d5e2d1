/** The one member of a group on the SQLite log. */
import { BehaviorSubject } from 'rxjs'
import { type Lane, lanes } from '../../../schemas/topics.js'
import type { Scope, StateChange, StateEntry } from '../../../stages/stage.js'
import { shareOut } from '../../engine/lanes.js'
import {
  Fenced,
  type JoinOptions,
  type LogRecord,
  type Member,
  type Position,
  pollBytes,
  type Transaction,
} from '../../engine/log.js'
import type { GroupPosition, PackedRecords, SharedLog } from './log.js'
import type { Partition } from './log-tables.js'
import { type SegmentReader, segmentReader } from './segment-reader.js'

interface Source {
  readonly lane: Lane
  readonly reader: SegmentReader
}

export function sqliteMember(log: SharedLog, { group, ways }: JoinOptions): Member {
  const { database, tables } = log
  const owned = ways.flatMap((way) => log.partitionsOf(way))
  const sources: readonly Source[] = owned.map((partition) => ({
    lane: partition.way.lane ?? 'normal',
    reader: segmentReader(tables, partition, log.groupPosition(group, partition).next, log.recent),
  }))
  const ends = new Map(owned.map((partition) => [partition, partition.end]))
  const assignments = new BehaviorSubject(owned.map(({ way, partition }) => ({ way, partition })))
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
    start({ way, partition }) {
      const { next, beyond } = log.groupPosition(group, tables.partition(way, partition))
      return { way, partition, next, beyond, freshFrom: ends.get(tables.partition(way, partition)) ?? Infinity }
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
      for (const position of transaction.positions) settle(position)
      if (transaction.outputs.length > 0) log.appended.next()
      log.settled(group).next()
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
      tables.putPosition(group, tables.partition(position.way, position.partition), position)
    }
    // Last: it moves the ends in memory, which must not have moved where this work alone is undone.
    log.write(packed)
  }

  function apply({ scope, key, value, expiresAtMs }: StateChange): void {
    const id = tables.scopeId(group, scope)
    if (value === null) deleteState.run(id, key)
    else putState.run(id, key, value, expiresAtMs)
  }

  function settle({ way, partition, next, beyond }: Position): void {
    const position: GroupPosition = log.groupPosition(group, tables.partition(way, partition) as Partition)
    position.next = next
    position.beyond = beyond
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
