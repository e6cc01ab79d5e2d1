/** The lag of every group on the SQLite log, read by a connection of its own: the thread that runs the stages is not
 *  asked, and may hang. */
import { type Topic, topicName, topicsOf } from '../../../schemas/streams.js'
import type { WorkerName } from '../../../stages/stage.js'
import type { LagReader, PartitionLag } from '../../engine/lag-reading.js'
import { inputs, workerNames } from '../../engine/topology.js'
import type { Database } from './database.js'
import { offsetSpan } from './partition-table.js'
import { segmentRecords } from './segment.js'

export interface SqliteLagOptions {
  /** Reads the file only. Closed by its owner. */
  readonly database: Database
  /** How long the log keeps what every group has acked, in milliseconds. What one has not acked it keeps longer. */
  readonly retentionMs: number
  /** Whether the engine answers. Bounded. */
  readonly isAlive: () => Promise<boolean>
  readonly nowMs?: () => number
}

interface PartitionRow {
  readonly id: number
  readonly name: string
  readonly partition: number
  /** Where the offsets go on when every segment is gone. */
  readonly start: number
  readonly first: number | null
  readonly last: number | null
}

interface PositionRow {
  readonly grp: string
  readonly partition_id: number
  readonly next: number
  readonly ackedAhead: string | null
}

/** Without Kafka there is no intake. */
const stages: readonly WorkerName[] = workerNames.filter((name) => name !== 'intake')
const topics: ReadonlyMap<string, { readonly stage: WorkerName; readonly topic: Topic }> = new Map(
  stages.flatMap((stage) => topicsOf(inputs[stage]).map((topic) => [topicName(topic), { stage, topic }] as const)),
)

const partitionsSql = `
  SELECT id, name, partition, start,
    (SELECT position FROM log_segments
     WHERE position >= id * ${offsetSpan} AND position < (id + 1) * ${offsetSpan} ORDER BY position LIMIT 1) AS first,
    (SELECT position + count FROM log_segments
     WHERE position >= id * ${offsetSpan} AND position < (id + 1) * ${offsetSpan}
     ORDER BY position DESC LIMIT 1) AS last
  FROM log_partitions ORDER BY id`
const positionsSql = 'SELECT grp, partition_id, next, beyond AS ackedAhead FROM log_positions'
/** The segment that holds an offset, or the next one. */
const writtenSql = `
  SELECT written_ms FROM log_segments
  WHERE position >= ? AND position < ? AND position + count > ? ORDER BY position LIMIT 1`

/** Reads what stands in the file. Rounds reject with `Unavailable` where it cannot be read. */
export function sqliteLagReader({ database, retentionMs, isAlive, nowMs = Date.now }: SqliteLagOptions): LagReader {
  return {
    names: { cluster: 'carillon', group: (stage) => stage, nameOf: topicName },
    async read() {
      const alive = await isAlive()
      const partitions = database.read(() => partitionsNow(database))
      return {
        atMs: nowMs(),
        partitions,
        incomplete: new Set(),
        members: new Map(stages.map((stage) => [stage, alive ? 1 : 0])),
        retentionMs: () => retentionMs,
      }
    },
    close: async () => undefined,
  }
}

function partitionsNow(database: Database): readonly PartitionLag[] {
  // First, so that no position lies behind the end.
  const positions = new Map(
    (database.prepare(positionsSql).all() as unknown as PositionRow[]).map((row) => [
      `${row.grp}/${row.partition_id}`,
      row,
    ]),
  )
  const rows = database.prepare(partitionsSql).all() as unknown as PartitionRow[]
  return rows.flatMap((row) => {
    const found = topics.get(row.name)
    if (!found) return []
    const position = positions.get(`${found.stage}/${row.id}`)
    return [{ ...found, partition: row.partition, ...lagOf(database, row, position) }]
  })
}

function lagOf(
  database: Database,
  row: PartitionRow,
  position: PositionRow | undefined,
): Omit<PartitionLag, 'stage' | 'topic' | 'partition'> {
  const begin = row.id * offsetSpan
  const start = row.first === null ? row.start : row.first - begin
  const end = row.last === null ? row.start : row.last - begin
  const committed = position?.next ?? null
  const from = Math.max(committed ?? 0, start)
  const ackedAhead = position?.ackedAhead ? (JSON.parse(position.ackedAhead) as number[]).length : 0
  const records = Math.max(0, end - from - ackedAhead)
  return {
    ...{ committed, start, end, records },
    oldestMs: records > 0 ? writtenMs(database, begin, from) : null,
    lost: committed === null ? 0 : Math.max(0, start - committed),
  }
}

function writtenMs(database: Database, begin: number, offset: number): number | null {
  const after = Math.max(begin, begin + offset - segmentRecords)
  const row = database.prepare(writtenSql).get(after, begin + offsetSpan, begin + offset)
  return (row as { written_ms: number } | undefined)?.written_ms ?? null
}
