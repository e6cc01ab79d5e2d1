import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { hourMs, startMs } from '../../../testing/stores/store-under-test.js'
import { Database } from '../../logs/sqlite/database.js'
import { createStoreSchema } from '../../logs/sqlite/schema.js'
import { claimReader, claimWriter } from './claims.js'

let folder = ''
let database: Database
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'carillon-claims-'))
  database = new Database(join(folder, 'carillon.db'))
  createStoreSchema(database)
})
afterEach(() => {
  database.close()
  rmSync(folder, { recursive: true })
})

it('a key is recalled until its window is over, by its tenant', async () => {
  const { claim } = claimWriter(database)
  const asked = { key: 'k', bodyHash: 'a', answer: 'first', windowMs: 3 * hourMs }
  await database.write(() => claim('default', asked, startMs), true)
  const recall = (tenant: string, afterMs: number) => claimReader(database, () => startMs + afterMs).recall(tenant, 'k')
  expect(await recall('default', 3 * hourMs - 1)).toEqual({ bodyHash: 'a', answer: 'first' })
  expect(await recall('default', 3 * hourMs)).toBeUndefined()
  expect(await recall('other', 0)).toBeUndefined()
})
