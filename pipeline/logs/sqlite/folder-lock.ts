/** One process for each data folder. The lock is SQLite's own on a file of its own: the system gives it back when the
 *  process dies, however it dies. */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync, type DatabaseSyncInstance } from '@photostructure/sqlite'

/** Another process works in the data folder. */
export class FolderInUse extends Error {
  override readonly name = 'FolderInUse'
  readonly code = 'folder-in-use'
}

/** The data folder cannot be made or written. */
export class FolderUnusable extends Error {
  override readonly name = 'FolderUnusable'
  readonly code = 'folder-unusable'
}

/** Makes the folder where it is missing and takes its lock. Returns what gives the lock back.
 *  Throws `FolderInUse` or `FolderUnusable`. */
export function lockFolder(folder: string): () => void {
  const owner = join(folder, 'owner')
  const lock = open(folder)
  try {
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE')
    writeFileSync(owner, String(process.pid))
  } catch (error) {
    lock.close()
    throw isBusy(error) ? inUse(folder, owner, error) : unusable(folder, error)
  }
  return () => lock.close()
}

function open(folder: string): DatabaseSyncInstance {
  try {
    // Node 20 never comes back from a recursive one where the parent takes no folders at all, as /proc does.
    if (!existsSync(folder)) mkdirSync(folder, { recursive: !existsSync(dirname(folder)) })
    return new DatabaseSync(join(folder, 'lock'))
  } catch (error) {
    throw unusable(folder, error)
  }
}

// https://www.sqlite.org/rescode.html#busy
const busy = 5

function isBusy(error: unknown): boolean {
  const code = typeof error === 'object' && error !== null && 'errcode' in error ? error.errcode : null
  return typeof code === 'number' && (code & 0xff) === busy
}

function inUse(folder: string, owner: string, cause: unknown): FolderInUse {
  const message = `The data folder ${folder} is in use${readOwner(owner)}. Stop that process, or set CARILLON_DATA to another folder.`
  return new FolderInUse(message, { cause })
}

function unusable(folder: string, cause: unknown): FolderUnusable {
  const reason = cause instanceof Error ? cause.message : String(cause)
  const message = `The data folder ${folder} cannot be used: ${reason}. Set CARILLON_DATA to a folder that can be written.`
  return new FolderUnusable(message, { cause })
}

function readOwner(file: string): string {
  try {
    return ` by process ${readFileSync(file, 'utf8')}`
  } catch {
    return ''
  }
}
