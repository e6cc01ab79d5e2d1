/** The tables of the SQLite log, opened together. */
import type { Database } from './database.js'
import { type PartitionTable, partitionTable, type SegmentTable, segmentTable } from './partition-table.js'
import { type PositionTable, positionTable } from './position-table.js'
import { type StateTable, stateTable } from './state-table.js'

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

export interface LogTables {
  readonly partitions: PartitionTable
  readonly segments: SegmentTable
  readonly positions: PositionTable
  readonly state: StateTable
}

/** Creates the tables where they do not exist yet. */
export function openLogTables(database: Database): LogTables {
  database.exec(schema)
  const positions = positionTable(database)
  return {
    partitions: partitionTable(database),
    segments: segmentTable(database, positions),
    positions,
    state: stateTable(database),
  }
}
