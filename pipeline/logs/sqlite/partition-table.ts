/** The tables of partitions and of the segments that hold their records. */
import { type Topic, topicName, topicOf } from '../../../schemas/streams.js'
import type { Database } from './database.js'
import type { PositionTable } from './position-table.js'
import type { Segment } from './segment.js'

/** The offset within a partition takes the low 41 bits of a segment's row id; the partition's number takes the bits
 *  above them. */
export const offsetSpan = 2 ** 41

/** A partition of a topic. `end` is the offset of the next record to be written. */
export interface Partition {
  readonly id: number
  readonly topic: Topic
  readonly partition: number
  end: number
}

/** A stored segment; `base` is the offset of its first record. */
export interface StoredSegment extends Segment {
  readonly base: number
  readonly writtenMs: number
}

/** Every partition that this process has used. There is one object for each, so it can serve as a key. */
export interface PartitionTable {
  /** The partition is created where it does not exist yet. */
  of(topic: Topic, partition: number): Partition
  /** Creates the missing partitions of several topics in one transaction. */
  prepare(topics: readonly Topic[], partitions: number): void
  /** Reads every end from the file again. */
  reload(): void
}

export interface SegmentTable {
  /** Appends within a write and advances the partition's end. */
  append(partition: Partition, segment: Segment, nowMs: number): void
  /** The segment that contains the offset, or the first one after it; undefined at the end. */
  at(partition: Partition, offset: number): StoredSegment | undefined
  /** Removes at most `max` segments from the front of the partition that were written before the given time and that
   *  every group has acked. Returns how many it removed. */
  removeConsumed(partition: Partition, writtenBeforeMs: number, max: number): number
}

type Extent = { position: number; count: number }

export function partitionTable(database: Database): PartitionTable {
  const partitions = new Map<Topic, Partition[]>()

  return {
    of,
    prepare(topics, count) {
      database.exec('BEGIN IMMEDIATE')
      for (const topic of topics) for (let number = 0; number < count; number++) of(topic, number)
      database.exec('COMMIT')
    },
    reload() {
      for (const ofTopic of partitions.values()) {
        for (const partition of ofTopic) partition.end = storedEnd(database, partition.id)
      }
    },
  }

  function of(topic: Topic, number: number): Partition {
    let ofTopic = partitions.get(topic) ?? partitions.get(topicOf(topic.stream, topic.lane, topic.channel))
    if (!ofTopic) {
      ofTopic = []
      partitions.set(topicOf(topic.stream, topic.lane, topic.channel), ofTopic)
    }
    let found = ofTopic[number]
    if (!found) {
      const id = partitionId(database, topicName(topic), number)
      found = { id, topic, partition: number, end: storedEnd(database, id) }
      ofTopic[number] = found
    }
    return found
  }
}

function partitionId(database: Database, name: string, partition: number): number {
  const insert = 'INSERT INTO log_partitions (name, partition) VALUES (?, ?) ON CONFLICT DO NOTHING'
  database.prepare(insert).run(name, partition)
  const select = 'SELECT id FROM log_partitions WHERE name = ? AND partition = ?'
  return (database.prepare(select).get(name, partition) as { id: number }).id
}

/** The end of a partition as the file has it. Retention may have removed every segment; the `start` column then still
 *  says at which offset the partition continues. */
function storedEnd(database: Database, id: number): number {
  const lastSegment =
    'SELECT position, count FROM log_segments WHERE position >= ? AND position < ? ORDER BY position DESC LIMIT 1'
  const row = database.prepare(lastSegment).get(id * offsetSpan, (id + 1) * offsetSpan) as Extent | undefined
  if (row) return row.position - id * offsetSpan + row.count
  return (database.prepare('SELECT start FROM log_partitions WHERE id = ?').get(id) as { start: number }).start
}

/** `positions` says what every group has acked. */
export function segmentTable(database: Database, positions: PositionTable): SegmentTable {
  const insert = database.prepare('INSERT INTO log_segments (position, count, written_ms, bytes) VALUES (?, ?, ?, ?)')
  const firstFrom = database.prepare(
    'SELECT position, count, written_ms, bytes FROM log_segments WHERE position >= ? AND position < ? ORDER BY position LIMIT 1',
  )
  const lastUpTo = database.prepare(
    'SELECT position, count FROM log_segments WHERE position >= ? AND position <= ? ORDER BY position DESC LIMIT 1',
  )
  const remove = database.prepare(
    `DELETE FROM log_segments WHERE position IN (
       SELECT position FROM log_segments
       WHERE position >= ? AND position < ? AND position + count <= ? AND written_ms < ? ORDER BY position LIMIT ?)`,
  )
  const markStart = database.prepare('UPDATE log_partitions SET start = ? WHERE id = ?')

  return {
    append(partition, { count, bytes }, nowMs) {
      insert.run(partition.id * offsetSpan + partition.end, count, nowMs, bytes)
      partition.end += count
    },
    at(partition, offset) {
      const first = partition.id * offsetSpan
      const before = lastUpTo.get(first, first + offset) as Extent | undefined
      const contains = before !== undefined && before.position - first + before.count > offset
      const row = firstFrom.get(contains ? before.position : first + offset, first + offsetSpan) as
        | (Extent & { written_ms: number; bytes: Uint8Array })
        | undefined
      if (!row) return undefined
      const bytes = Buffer.from(row.bytes.buffer, row.bytes.byteOffset, row.bytes.byteLength)
      return { base: row.position - first, count: row.count, writtenMs: row.written_ms, bytes }
    },
    removeConsumed(partition, writtenBeforeMs, max) {
      const first = partition.id * offsetSpan
      const until = first + (positions.slowest(partition.id) ?? partition.end)
      const { changes } = remove.run(first, until, until, writtenBeforeMs, max)
      if (changes > 0) markStart.run(partition.end, partition.id)
      return Number(changes)
    },
  }
}
