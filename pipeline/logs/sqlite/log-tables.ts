/** The tables of the SQLite log, and the numbers by which they name ways and scopes. */
import { type Topic, topicName, topicOf } from '../../../schemas/streams.js'
import type { Scope } from '../../../stages/stage.js'
import type { Position } from '../../engine/log.js'
import type { Database } from './database.js'
import type { Segment } from './segment.js'

/** Offsets of one partition's records take this many bits of a row id; the partition's number stands above them. */
export const offsetSpan = 2 ** 41

const schema = `
  CREATE TABLE IF NOT EXISTS log_partitions (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, partition INTEGER NOT NULL, start INTEGER NOT NULL DEFAULT 0,
    UNIQUE (name, partition)
  );
  CREATE TABLE IF NOT EXISTS log_segments (
    position INTEGER PRIMARY KEY, count INTEGER NOT NULL, written_ms INTEGER NOT NULL, bytes BLOB NOT NULL
  );
  CREATE TABLE IF NOT EXISTS log_positions (
    grp TEXT NOT NULL, partition_id INTEGER NOT NULL, next INTEGER NOT NULL, beyond TEXT,
    PRIMARY KEY (grp, partition_id)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS log_scopes (
    id INTEGER PRIMARY KEY, grp TEXT NOT NULL, lane TEXT NOT NULL, partition INTEGER NOT NULL,
    UNIQUE (grp, lane, partition)
  );
  CREATE TABLE IF NOT EXISTS log_state (
    scope INTEGER NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, expires_ms INTEGER,
    PRIMARY KEY (scope, key)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS log_state_expiry ON log_state (expires_ms) WHERE expires_ms IS NOT NULL;
`

/** A partition of a way: `end` is the offset of the next record to be written. */
export interface Partition {
  readonly id: number
  readonly topic: Topic
  readonly partition: number
  end: number
}

/** A stored segment and its place. */
export interface StoredSegment extends Segment {
  readonly base: number
  readonly writtenMs: number
}

export interface LogTables {
  partition(topic: Topic, partition: number): Partition
  /** Reads every end again, and forgets the numbers of scopes: after a failed commit what was noted in memory is not
   *  what stands in the file. */
  reload(): void
  /** Appends within a write; `end` grows. */
  append(partition: Partition, segment: Segment, nowMs: number): void
  /** The partitions of several ways at once, made in one transaction where they are missing. */
  prepare(topics: readonly Topic[], partitions: number): void
  /** The segment that holds the offset, or the first after it; undefined at the end. */
  segmentAt(partition: Partition, offset: number): StoredSegment | undefined
  /** Removes at most `most` segments from the front that were written before a time and that every group has behind
   *  it. Returns how many. */
  removeConsumed(partition: Partition, writtenBeforeMs: number, most: number): number
  /** Makes the group known to `removeConsumed`, within a write. */
  enrol(group: string, partitions: readonly Partition[]): void
  /** How many entries of a group's state lie in the ranges, from a key to a key; counted up to `most`. */
  countState(group: string, ranges: readonly (readonly [string, string])[], most: number): number
  position(group: string, partition: Partition): { next: number; ackedAhead: readonly number[] }
  putPosition(group: string, partition: Partition, position: Position): void
  scopeId(group: string, scope: Scope): number
}

export function openLogTables(database: Database): LogTables {
  database.exec(schema)
  const partitions = new Map<Topic, Partition[]>()
  const scopes = new Map<string, number>()
  const insertSegment = database.prepare(
    'INSERT INTO log_segments (position, count, written_ms, bytes) VALUES (?, ?, ?, ?)',
  )
  const lastSegment = database.prepare(
    'SELECT position, count FROM log_segments WHERE position >= ? AND position < ? ORDER BY position DESC LIMIT 1',
  )
  const segmentFrom = database.prepare(
    'SELECT position, count, written_ms, bytes FROM log_segments WHERE position >= ? AND position < ? ORDER BY position LIMIT 1',
  )
  const segmentBefore = database.prepare(
    'SELECT position, count FROM log_segments WHERE position >= ? AND position <= ? ORDER BY position DESC LIMIT 1',
  )
  const readPosition = database.prepare(
    'SELECT next, beyond AS ackedAhead FROM log_positions WHERE grp = ? AND partition_id = ?',
  )
  const writePosition = database.prepare(
    `INSERT INTO log_positions (grp, partition_id, next, beyond) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET next = excluded.next, beyond = excluded.beyond`,
  )
  const enrolOne = database.prepare(
    'INSERT INTO log_positions (grp, partition_id, next) VALUES (?, ?, 0) ON CONFLICT DO NOTHING',
  )
  const slowest = database.prepare('SELECT min(next) AS next FROM log_positions WHERE partition_id = ?')
  const removeSegments = database.prepare(
    `DELETE FROM log_segments WHERE position IN (
       SELECT position FROM log_segments
       WHERE position >= ? AND position < ? AND position + count <= ? AND written_ms < ? ORDER BY position LIMIT ?)`,
  )
  const scopesOf = database.prepare('SELECT id FROM log_scopes WHERE grp = ?')
  const countRange = database.prepare(
    'SELECT count(*) AS count FROM (SELECT 1 FROM log_state WHERE scope = ? AND key >= ? AND key < ? LIMIT ?)',
  )
  const markStart = database.prepare('UPDATE log_partitions SET start = ? WHERE id = ?')
  return {
    partition(topic, number) {
      let ofTopic = partitions.get(topic) ?? partitions.get(topicOf(topic.stream, topic.lane, topic.channel))
      if (!ofTopic) {
        ofTopic = []
        partitions.set(topicOf(topic.stream, topic.lane, topic.channel), ofTopic)
      }
      let found = ofTopic[number]
      if (!found) {
        found = { id: partitionId(topicName(topic), number), topic, partition: number, end: 0 }
        found.end = endOf(found)
        ofTopic[number] = found
      }
      return found
    },
    prepare(topics, count) {
      database.exec('BEGIN IMMEDIATE')
      for (const topic of topics) for (let number = 0; number < count; number++) this.partition(topic, number)
      database.exec('COMMIT')
    },
    reload() {
      scopes.clear()
      for (const ofTopic of partitions.values()) for (const partition of ofTopic) partition.end = endOf(partition)
    },
    append(partition, { count, bytes }, nowMs) {
      insertSegment.run(partition.id * offsetSpan + partition.end, count, nowMs, bytes)
      partition.end += count
    },
    segmentAt(partition, offset) {
      const first = partition.id * offsetSpan
      const before = segmentBefore.get(first, first + offset) as { position: number; count: number } | undefined
      const covers = before !== undefined && before.position - first + before.count > offset
      const row = segmentFrom.get(covers ? before.position : first + offset, first + offsetSpan) as
        | { position: number; count: number; written_ms: number; bytes: Uint8Array }
        | undefined
      if (!row) return undefined
      const bytes = Buffer.from(row.bytes.buffer, row.bytes.byteOffset, row.bytes.byteLength)
      return { base: row.position - first, count: row.count, writtenMs: row.written_ms, bytes }
    },
    removeConsumed(partition, writtenBeforeMs, most) {
      const first = partition.id * offsetSpan
      const { next } = slowest.get(partition.id) as { next: number | null }
      const until = next ?? partition.end
      const { changes } = removeSegments.run(first, first + until, first + until, writtenBeforeMs, most)
      if (changes > 0) markStart.run(partition.end, partition.id)
      return Number(changes)
    },
    enrol(group, all) {
      for (const { id } of all) enrolOne.run(group, id)
    },
    countState(group, ranges, most) {
      let count = 0
      for (const { id } of scopesOf.all(group) as { id: number }[]) {
        for (const [from, to] of ranges) {
          count += (countRange.get(id, from, to, most - count) as { count: number }).count
        }
      }
      return count
    },
    position(group, partition) {
      const row = readPosition.get(group, partition.id) as { next: number; ackedAhead: string | null } | undefined
      return { next: row?.next ?? 0, ackedAhead: row?.ackedAhead ? JSON.parse(row.ackedAhead) : [] }
    },
    putPosition(group, partition, { next, ackedAhead }) {
      writePosition.run(group, partition.id, next, ackedAhead.length > 0 ? JSON.stringify(ackedAhead) : null)
    },
    scopeId(group, { lane, partition }) {
      const key = `${group}/${lane}/${partition}`
      let id = scopes.get(key)
      if (id === undefined) {
        const insert = 'INSERT INTO log_scopes (grp, lane, partition) VALUES (?, ?, ?) ON CONFLICT DO NOTHING'
        database.prepare(insert).run(group, lane, partition)
        const select = 'SELECT id FROM log_scopes WHERE grp = ? AND lane = ? AND partition = ?'
        id = (database.prepare(select).get(group, lane, partition) as { id: number }).id
        scopes.set(key, id)
      }
      return id
    },
  }

  function partitionId(name: string, partition: number): number {
    const insert = 'INSERT INTO log_partitions (name, partition) VALUES (?, ?) ON CONFLICT DO NOTHING'
    database.prepare(insert).run(name, partition)
    const select = 'SELECT id FROM log_partitions WHERE name = ? AND partition = ?'
    return (database.prepare(select).get(name, partition) as { id: number }).id
  }

  /** Retention may have taken every segment away; `start` then still tells where the offsets go on. */
  function endOf({ id }: Partition): number {
    const row = lastSegment.get(id * offsetSpan, (id + 1) * offsetSpan) as
      | { position: number; count: number }
      | undefined
    if (row) return row.position - id * offsetSpan + row.count
    return (database.prepare('SELECT start FROM log_partitions WHERE id = ?').get(id) as { start: number }).start
  }
}
