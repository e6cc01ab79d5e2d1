/** One process for each data folder. The lock is SQLite's own on a file of its own: the system gives it back when the
 *  process dies, however it dies. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
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
  } catch (error) {
    lock.close()
    const who = readOwner(owner)
    const message = `The data folder ${folder} is in use${who}. Stop that process, or set CARILLON_DATA to another folder.`
    throw new FolderInUse(message, { cause: error })
  }
  writeFileSync(owner, String(process.pid))
  return () => lock.close()
}

function open(folder: string): DatabaseSyncInstance {
  try {
    mkdirSync(folder, { recursive: true })
    return new DatabaseSync(join(folder, 'lock'))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const message = `The data folder ${folder} cannot be used: ${reason}. Set CARILLON_DATA to a folder that can be written.`
    throw new FolderUnusable(message, { cause: error })
  }
}

function readOwner(file: string): string {
  try {
    return ` by process ${readFileSync(file, 'utf8')}`
  } catch {
    return ''
  }
}
