/** Where a process keeps its local state: a folder for what it runs and its slot. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { FolderInUse, lockFolder } from '../../logs/sqlite/folder-lock.js'

export interface StateFolder {
  readonly path: string
  unlock(): void
}

/** Processes of one kind without slots on one machine, at most. */
const maxFolders = 100

/** Locks the folder of the slot; without one the first that nobody uses, so that a process that comes back finds what
 *  one before it left. Throws `FolderInUse` or `FolderUnusable`. */
export function takeStateFolder(dataFolder: string, role: string, slot: number | null): StateFolder {
  mkdirSync(dataFolder, { recursive: true })
  const take = (name: string): StateFolder => {
    const path = join(dataFolder, name)
    return { path, unlock: lockFolder(path) }
  }
  if (slot !== null) return take(`${role}-slot-${slot}`)
  for (let number = 0; ; number++) {
    try {
      return take(`${role}-${number}`)
    } catch (error) {
      if (!(error instanceof FolderInUse) || number >= maxFolders) throw error
    }
  }
}
