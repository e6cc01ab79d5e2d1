/** The table of positions: how far each group has acked each partition. */
import type { Database } from './database.js'

/** How far one group has acked one partition: the first offset not acked, and the later offsets acked out of order. */
export interface GroupPosition {
  readonly next: number
  readonly ackedAhead: readonly number[]
}

/** Partitions are named by their row id. */
export interface PositionTable {
  /** The group's position as it was committed last, served from memory once it has been read. */
  of(group: string, partitionId: number): GroupPosition
  /** Writes a position within a transaction. `of` does not see it until `committed`. */
  put(group: string, partitionId: number, position: GroupPosition): void
  /** Updates what `of` returns, once the transaction that put the position has committed. */
  committed(group: string, partitionId: number, position: GroupPosition): void
  /** Gives the group a position in each partition, within a write, so that `slowest` counts it. */
  enrol(group: string, partitionIds: readonly number[]): void
  /** The lowest `next` of all groups of the partition; null where no group reads it. */
  slowest(partitionId: number): number | null
}

export function positionTable(database: Database): PositionTable {
  const known = new Map<string, Map<number, GroupPosition>>()
  const select = database.prepare(
    'SELECT next, beyond AS ackedAhead FROM log_positions WHERE grp = ? AND partition_id = ?',
  )
  const upsert = database.prepare(
    `INSERT INTO log_positions (grp, partition_id, next, beyond) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET next = excluded.next, beyond = excluded.beyond`,
  )
  const enrolOne = database.prepare(
    'INSERT INTO log_positions (grp, partition_id, next) VALUES (?, ?, 0) ON CONFLICT DO NOTHING',
  )
  const lowest = database.prepare('SELECT min(next) AS next FROM log_positions WHERE partition_id = ?')

  return {
    of(group, partitionId) {
      const found = known.get(group)?.get(partitionId)
      if (found) return found
      const row = select.get(group, partitionId) as { next: number; ackedAhead: string | null } | undefined
      const position = { next: row?.next ?? 0, ackedAhead: row?.ackedAhead ? JSON.parse(row.ackedAhead) : [] }
      remember(group, partitionId, position)
      return position
    },
    put(group, partitionId, { next, ackedAhead }) {
      upsert.run(group, partitionId, next, ackedAhead.length > 0 ? JSON.stringify(ackedAhead) : null)
    },
    committed: remember,
    enrol(group, partitionIds) {
      for (const id of partitionIds) enrolOne.run(group, id)
    },
    slowest: (partitionId) => (lowest.get(partitionId) as { next: number | null }).next,
  }

  function remember(group: string, partitionId: number, position: GroupPosition): void {
    const ofGroup = known.get(group)
    if (ofGroup) ofGroup.set(partitionId, position)
    else known.set(group, new Map([[partitionId, position]]))
  }
}
