import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe } from 'vitest'
import { claimTests } from '../../../testing/stores/claims-conformance.js'
import { Database } from '../../logs/sqlite/database.js'
import { createStoreSchema } from '../../logs/sqlite/schema.js'
import { pendingClaims } from './pending-claims.js'

describe('a claim on SQLite that is not complete yet', () => {
  claimTests(() => {
    const folder = mkdtempSync(join(tmpdir(), 'carillon-claims-'))
    const opened: Database[] = []
    return {
      open() {
        const database = new Database(join(folder, 'carillon.db'))
        createStoreSchema(database)
        opened.push(database)
        return pendingClaims(database)
      },
      close: async () => {
        for (const database of opened) database.close()
        rmSync(folder, { recursive: true })
      },
    }
  })
})
