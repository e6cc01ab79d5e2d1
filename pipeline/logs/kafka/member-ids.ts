/** Names of members that have no slot. They are those that the last process on the same folder had: so it aborts at once
 *  what that one may have left open, which others could not read past until Kafka gives it up. */
import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface MemberIds {
  /** Unique among the running members of the group, as the folder is among processes. */
  take(group: string): string
  free(group: string, id: string): void
}

const fileName = 'member-id'

export function memberIds(stateFolder: string): MemberIds {
  const own = ownId(stateFolder)
  const taken = new Map<string, Set<string>>()
  return {
    take(group) {
      const ids = taken.get(group) ?? new Set()
      taken.set(group, ids)
      for (let number = 0; ; number++) {
        const id = number === 0 ? own : `${own}-${number}`
        if (ids.has(id)) continue
        ids.add(id)
        return id
      }
    },
    free: (group, id) => void taken.get(group)?.delete(id),
  }
}

function ownId(folder: string): string {
  const file = join(folder, fileName)
  try {
    const kept = readFileSync(file, 'utf8')
    if (/^[0-9a-f-]{36}$/.test(kept)) return kept
  } catch {
    // The first process here, or one whose folder was emptied: any new name does.
  }
  const made = randomUUID()
  mkdirSync(folder, { recursive: true })
  writeFileSync(file, made)
  return made
}
