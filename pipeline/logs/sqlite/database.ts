/** The one SQLite file and its one writer. Writes that come close together commit together.
 *
 *  Invariant: only one thread writes; other threads open the file read-only. A group either commits whole or fails
 *  whole, and what was handed in as one piece of work is never split. */
import { DatabaseSync, type StatementSyncInstance } from '@photostructure/sqlite'
import { StorageFull, Unavailable } from '../../../schemas/errors.js'

export interface DatabaseOptions {
  /** True: cannot write; the writer's schema must exist. */
  readonly readOnly?: boolean
  /** Bytes of page cache. */
  readonly cacheBytes?: number
  readonly observer?: DatabaseObserver
}

/** Told of each group and each read: how long it took, and the name of SQLite's result code where it failed. */
export interface DatabaseObserver {
  readonly committed?: (ms: number, failure: string | null) => void
  readonly read?: (ms: number, failure: string | null) => void
}

interface Work {
  readonly run: () => unknown
  readonly durable: boolean
  readonly resolve: (result: unknown) => void
  readonly reject: (error: unknown) => void
}

const defaultCacheBytes = 32 * 1024 * 1024
/** Pages in the write-ahead log before they are moved into the file: 32 MiB. */
const checkpointPages = 4096

export class Database {
  readonly #sqlite
  readonly #statements = new Map<string, StatementSyncInstance>()
  #queue: Work[] = []
  #scheduled: NodeJS.Immediate | null = null
  #synchronous = ''
  readonly #observer: DatabaseObserver

  constructor(
    readonly file: string,
    { readOnly = false, cacheBytes = defaultCacheBytes, observer = {} }: DatabaseOptions = {},
  ) {
    this.#observer = observer
    this.#sqlite = new DatabaseSync(file, { readOnly })
    this.#sqlite.exec('PRAGMA busy_timeout = 5000')
    this.#sqlite.exec(`PRAGMA cache_size = -${Math.round(cacheBytes / 1024)}`)
    if (readOnly) return
    // What a savepoint may undo is kept in memory: in a temporary file it costs 3 µs a notification.
    this.#sqlite.exec('PRAGMA temp_store = MEMORY')
    // Blobs of a segment fill many pages, and each page costs a system call and a checksum.
    this.#sqlite.exec('PRAGMA page_size = 8192')
    this.#sqlite.exec('PRAGMA journal_mode = WAL')
    this.#sqlite.exec(`PRAGMA wal_autocheckpoint = ${checkpointPages}`)
    this.#sqlite.exec('PRAGMA journal_size_limit = 67108864')
    this.#setSynchronous('NORMAL')
  }

  /** A prepared statement, made once for each text. */
  prepare(sql: string): StatementSyncInstance {
    let statement = this.#statements.get(sql)
    if (!statement) {
      statement = this.#sqlite.prepare(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }

  /** Runs statements that are not part of any group: the schema, at start. */
  exec(sql: string): void {
    this.#sqlite.exec(sql)
  }

  /** Runs `work`, which only reads. Throws `Unavailable` where the file cannot be read. */
  read<T>(work: () => T): T {
    const { read } = this.#observer
    // Where nobody is told, nothing is measured: stages read for each record.
    const startedMs = read ? performance.now() : 0
    let failure: string | null = null
    try {
      return work()
    } catch (error) {
      failure = storageCode(error)
      throw isStorageError(error) ? new Unavailable('The database could not be read.', { cause: error }) : error
    } finally {
      read?.(performance.now() - startedMs, failure)
    }
  }

  /** Runs `work` in the next group. Resolves with its result when the group is committed, and synced to disk if
   *  `durable`. When `work` throws, its own writes are undone and the promise rejects with its error; when the commit
   *  fails, it rejects with `StorageFull` or `Unavailable`. */
  write<T>(work: () => T, durable: boolean): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ run: work, durable, resolve: resolve as (result: unknown) => void, reject })
      this.#scheduled ??= setImmediate(() => this.#flush())
    })
  }

  /** Commits what is queued and closes the file. */
  close(): void {
    this.#flush()
    this.#statements.clear()
    this.#sqlite.close()
  }

  #flush(): void {
    if (this.#scheduled) clearImmediate(this.#scheduled)
    this.#scheduled = null
    const group = this.#queue
    if (group.length === 0) return
    this.#queue = []
    const acked: (() => void)[] = []
    const startedMs = performance.now()
    try {
      this.#setSynchronous(group.some(({ durable }) => durable) ? 'FULL' : 'NORMAL')
      this.#sqlite.exec('BEGIN IMMEDIATE')
      for (const work of group) acked.push(this.#runOne(work))
      this.#sqlite.exec('COMMIT')
    } catch (error) {
      this.#rollback()
      this.#observer.committed?.(performance.now() - startedMs, storageCode(error) ?? 'other')
      for (const { reject } of group) reject(storageError(error))
      return
    }
    this.#observer.committed?.(performance.now() - startedMs, null)
    for (const ack of acked) ack()
  }

  #runOne({ run, resolve, reject }: Work): () => void {
    this.#sqlite.exec('SAVEPOINT work')
    try {
      const result = run()
      this.#sqlite.exec('RELEASE work')
      return () => resolve(result)
    } catch (error) {
      if (isStorageError(error)) throw error
      this.#sqlite.exec('ROLLBACK TO work')
      this.#sqlite.exec('RELEASE work')
      return () => reject(error)
    }
  }

  #rollback(): void {
    try {
      this.#sqlite.exec('ROLLBACK')
    } catch {
      // SQLite rolls back by itself on a full disk; there is nothing left to undo then.
    }
  }

  #setSynchronous(level: 'FULL' | 'NORMAL'): void {
    if (this.#synchronous === level) return
    this.#sqlite.exec(`PRAGMA synchronous = ${level}`)
    this.#synchronous = level
  }
}

// Primary result codes of SQLite, https://www.sqlite.org/rescode.html
const busy = 5
const locked = 6
const readOnlyFile = 8
const ioError = 10
const corrupt = 11
const full = 13
const cannotOpen = 14
const notDatabase = 26
const storageCodes: ReadonlyMap<number, string> = new Map([
  [busy, 'busy'],
  [locked, 'locked'],
  [readOnlyFile, 'readonly'],
  [ioError, 'ioerr'],
  [corrupt, 'corrupt'],
  [full, 'full'],
  [cannotOpen, 'cantopen'],
])

function resultCode(error: unknown): number | null {
  const code = typeof error === 'object' && error !== null && 'errcode' in error ? error.errcode : null
  return typeof code === 'number' ? code & 0xff : null
}

/** The name of the result code where it is the storage's; else null. */
export function storageCode(error: unknown): string | null {
  return storageCodes.get(resultCode(error) ?? 0) ?? null
}

function isStorageError(error: unknown): boolean {
  return storageCode(error) !== null
}

/** The file cannot be used: it is damaged, or no database at all. */
export class DatabaseDamaged extends Error {
  override readonly name = 'DatabaseDamaged'
  readonly code = 'database-damaged'
}

/** What kept a file from being opened, in words that say what to do. */
export function openingError(error: unknown, file: string): unknown {
  const code = resultCode(error)
  if (code === corrupt || code === notDatabase) {
    const message = `${file} is damaged. Put a backup in its place, or move it away to start with an empty one.`
    return new DatabaseDamaged(message, { cause: error })
  }
  if (code === full)
    return new StorageFull(`The disk of ${file} is full. Free some space and start again.`, { cause: error })
  if (code === cannotOpen || code === readOnlyFile) {
    return new Unavailable(`${file} cannot be opened for writing. Correct its rights, or set CARILLON_DATA.`, {
      cause: error,
    })
  }
  return error
}

function storageError(error: unknown): Error {
  if (resultCode(error) === full) {
    return new StorageFull('The disk is full. Free some space; Carillon goes on by itself.', { cause: error })
  }
  return new Unavailable('The database could not be written. It is tried again.', { cause: error })
}
