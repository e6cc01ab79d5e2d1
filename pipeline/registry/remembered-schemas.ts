/** What was learnt from a registry, in a file of the data folder: a process that starts again needs no registry.
 *
 *  Invariant: the file is whole or absent, and holds only what one registry said. */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

/** Ids and their schemas as JSON. Of an event, the id of the schema that was today's when it was written. */
export interface Remembered {
  readonly ids: Readonly<Record<string, number>>
  readonly schemas: ReadonlyMap<number, string>
}

const fileName = 'schemas.json'
/** Above what is ever held, escaped. */
const maxFileBytes = 64 * 1024 * 1024

const content = z.object({
  registry: z.string(),
  ids: z.record(z.string(), z.int()),
  schemas: z.array(z.tuple([z.int(), z.string()])),
})

/** What the folder's file says of this registry; null where there is none, or it cannot be read. */
export function recall(folder: string, registryUrl: string): Remembered | null {
  const file = join(folder, fileName)
  try {
    if (statSync(file).size > maxFileBytes) return null
    const { registry, ids, schemas } = content.parse(JSON.parse(readFileSync(file, 'utf8')))
    return registry === registryUrl ? { ids, schemas: new Map(schemas) } : null
  } catch {
    // Absent or damaged is the same: it is learnt again.
    return null
  }
}

/** Writes the file anew. Throws what the file system throws. */
export function remember(folder: string, registryUrl: string, { ids, schemas }: Remembered): void {
  const file = join(folder, fileName)
  const beside = `${file}.new`
  writeFileSync(beside, JSON.stringify({ registry: registryUrl, ids, schemas: [...schemas] }))
  const written = openSync(beside, 'r+')
  try {
    fsyncSync(written)
  } finally {
    closeSync(written)
  }
  renameSync(beside, file)
}
