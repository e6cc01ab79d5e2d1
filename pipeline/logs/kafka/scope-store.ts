/** A group's state in one lane and partition: a local SQLite file, rebuilt from the changelog whenever it is not sure.
 *
 *  Invariant: it holds every committed change before its offset, and maybe later ones. Applying the changelog from that
 *  offset on makes it equal to the changelog, whatever was applied before. */
import { mkdirSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type DatabaseSyncInstance } from '@photostructure/sqlite'
import type { StateChange, StateEntry } from '../../../stages/stage.js'
import { storageCode } from '../sqlite/database.js'

/** What a store is worth: from where on the changelog must be applied, and how old that knowledge is. */
export interface StoreMark {
  /** Changes before this offset of the changelog are in. */
  readonly offset: number
  readonly atMs: number
}

/** A change within one scope. */
export type StoredChange = Pick<StateChange, 'key' | 'value' | 'expiresAtMs'>

export interface ScopeStore {
  mark(): StoreMark
  get(key: string): Uint8Array | undefined
  range(from: string, to: string, limit: number): readonly StateEntry[]
  /** How many entries there are with from <= key < to, counted up to `most`. */
  count(from: string, to: string, most: number): number
  /** All in one transaction; `mark` moves the mark with them. */
  apply(changes: readonly StoredChange[], mark?: StoreMark): void
  /** Much is to be written at once, with so much memory for pages; null: the usual again. */
  restoring(cacheKilobytes: number | null): void
  /** Keys that have expired, oldest first. */
  expired(nowMs: number, limit: number): readonly string[]
  /** Forgets everything: the changelog is read from its start. */
  clear(): void
  close(): void
}

const cacheKilobytes = 2048
const checkpointPages = 1000
const restoreCheckpointPages = 8192
const expiryIndex = 'CREATE INDEX IF NOT EXISTS state_expiry ON state (expires_ms) WHERE expires_ms IS NOT NULL'
/** A file of another form is thrown away. */
const version = 1

/** How long a write took, and SQLite's code where it failed. */
export type StateWritten = (ms: number, failure: string | null) => void

/** Opens the file, or makes it. `identity`: what else the content depends on; another one clears it. */
export function openScopeStore(file: string, identity: string, written?: StateWritten): ScopeStore {
  mkdirSync(dirname(file), { recursive: true })
  let database: DatabaseSyncInstance
  try {
    database = openFile(file)
  } catch {
    // A broken file costs a restore, no more.
    for (const ending of ['', '-wal', '-shm']) rmSync(`${file}${ending}`, { force: true })
    database = openFile(file)
  }
  const put = database.prepare(
    `INSERT INTO state (key, value, expires_ms) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET value = excluded.value, expires_ms = excluded.expires_ms`,
  )
  const remove = database.prepare('DELETE FROM state WHERE key = ?')
  const get = database.prepare('SELECT value FROM state WHERE key = ?')
  const range = database.prepare('SELECT key, value FROM state WHERE key >= ? AND key < ? ORDER BY key LIMIT ?')
  const count = database.prepare(
    'SELECT COUNT(*) AS count FROM (SELECT 1 FROM state WHERE key >= ? AND key < ? LIMIT ?)',
  )
  const expired = database.prepare('SELECT key FROM state WHERE expires_ms <= ? ORDER BY expires_ms LIMIT ?')
  const readMark = database.prepare('SELECT position AS "offset", at_ms AS atMs, identity FROM mark')
  const writeMark = database.prepare('UPDATE mark SET position = ?, at_ms = ?, identity = ?')
  const write = (changes: readonly StoredChange[]): void => {
    for (const { key, value, expiresAtMs } of changes) {
      if (value === null) remove.run(key)
      else put.run(key, value, expiresAtMs)
    }
  }
  let owner = identity
  const clear = (): void => {
    database.exec('BEGIN')
    database.exec('DELETE FROM state')
    writeMark.run(0, 0, owner)
    database.exec('COMMIT')
  }
  if ((readMark.get() as { identity: string }).identity !== identity) clear()

  return {
    mark: () => {
      const { offset, atMs } = readMark.get() as unknown as StoreMark
      return { offset, atMs }
    },
    get: (key) => (get.get(key) as { value: Uint8Array } | undefined)?.value,
    range: (from, to, limit) => range.all(from, to, limit) as unknown as StateEntry[],
    count: (from, to, most) => (count.get(from, to, most) as { count: number }).count,
    apply(changes, mark) {
      const startedMs = performance.now()
      let failure: string | null = null
      database.exec('BEGIN')
      try {
        write(changes)
        if (mark) writeMark.run(mark.offset, mark.atMs, owner)
        database.exec('COMMIT')
      } catch (error) {
        database.exec('ROLLBACK')
        failure = storageCode(error) ?? 'other'
        throw error
      } finally {
        written?.(performance.now() - startedMs, failure)
      }
    },
    restoring(kilobytes) {
      const { offset, atMs } = readMark.get() as unknown as StoreMark
      database.exec(`PRAGMA cache_size = -${kilobytes ?? cacheKilobytes}`)
      database.exec(`PRAGMA wal_autocheckpoint = ${kilobytes === null ? checkpointPages : restoreCheckpointPages}`)
      if (kilobytes === null) {
        // Made at once, it costs a fraction of what it costs row by row.
        database.exec(expiryIndex)
        database.exec('PRAGMA synchronous = NORMAL')
        database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
        owner = identity
        writeMark.run(offset, atMs, owner)
        return
      }
      // What a crash leaves of it is nobody's, and is cleared when it is opened.
      owner = ''
      writeMark.run(offset, atMs, owner)
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
      database.exec('PRAGMA synchronous = OFF')
      database.exec('DROP INDEX IF EXISTS state_expiry')
    },
    expired: (nowMs, limit) => (expired.all(nowMs, limit) as { key: string }[]).map(({ key }) => key),
    clear,
    close: () => database.close(),
  }
}

function openFile(file: string): DatabaseSyncInstance {
  const database = new DatabaseSync(file)
  database.exec('PRAGMA journal_mode = WAL')
  // The changelog is what lasts: a power cut may take the end of the file, for which the mark then stands earlier.
  database.exec('PRAGMA synchronous = NORMAL')
  database.exec(`PRAGMA cache_size = -${cacheKilobytes}`)
  database.exec('PRAGMA journal_size_limit = 16777216')
  const { user_version } = database.prepare('PRAGMA user_version').get() as { user_version: number }
  if (user_version !== version) {
    database.exec(`
      BEGIN;
      DROP TABLE IF EXISTS state;
      DROP TABLE IF EXISTS mark;
      CREATE TABLE state (key TEXT PRIMARY KEY, value BLOB NOT NULL, expires_ms REAL) WITHOUT ROWID;
      CREATE TABLE mark (position INTEGER NOT NULL, at_ms REAL NOT NULL, identity TEXT NOT NULL);
      INSERT INTO mark VALUES (0, 0, '');
      PRAGMA user_version = ${version};
      COMMIT;`)
  }
  database.exec(expiryIndex)
  return database
}
