import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { DeadLetterFilter } from '../../../ingress/ports.js'
import { Database } from '../../logs/sqlite/database.js'
import { createStoreSchema } from '../../logs/sqlite/schema.js'
import { deadLetterReader } from './dead-letters.js'

let folder = ''
let database: Database
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'carillon-letters-'))
  database = new Database(join(folder, 'carillon.db'))
  createStoreSchema(database)
})
afterEach(() => {
  database.close()
  rmSync(folder, { recursive: true })
})

/** How SQLite answers what a call asks. */
async function plansOf(ask: () => Promise<unknown>): Promise<string[]> {
  const prepare = vi.spyOn(database, 'prepare')
  await ask()
  const asked = prepare.mock.calls.map(([sql]) => sql)
  prepare.mockRestore()
  return asked.flatMap((sql) => {
    const values = Array.from({ length: sql.split('?').length - 1 }, () => 1)
    const steps = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...values) as unknown as { detail: string }[]
    return steps.map(({ detail }) => detail)
  })
}

const time = { fromMs: 1, toMs: 9 }
const filters: readonly (readonly [index: string, filter: DeadLetterFilter])[] = [
  ['at', {}],
  ['at', time],
  ['stage', { stage: 's', ...time }],
  ['status', { status: 'dead', ...time }],
  ['cause', { cause: 'c' }],
  ['cause', { cause: 'c', stage: 's', status: 'dead', ...time }],
  ['stage', { stage: 's', status: 'dead' }],
]

test.each(filters)('the index by %s gives a list in its order: %j', async (index, filter) => {
  const plans = await plansOf(() => deadLetterReader(database).list({ ...filter, limit: 5 }))
  expect(plans.length).toBe(1)
  expect(plans[0]).toMatch(new RegExp(`^(?:SEARCH|SCAN) store_dead_letters USING INDEX store_dead_letters_${index}\\b`))
})

test.each(filters.filter(([, filter]) => Object.keys(filter).length > 0))(
  'and by %s it is counted: %j',
  async (index, filter) => {
    const plans = await plansOf(() => deadLetterReader(database).count(filter, 10))
    expect(plans.filter((plan) => plan.includes('store_dead_letters_'))).toEqual([
      expect.stringMatching(new RegExp(`^SEARCH store_dead_letters USING .*INDEX store_dead_letters_${index}\\b`)),
    ])
  },
)

test('a file of the first version gets these indexes, and keeps its letters', async () => {
  database.close()
  database = new Database(join(folder, 'first.db'))
  createStoreSchema(database, 1)
  database.exec(`
    INSERT INTO store_dead_letters (id, tenant, at, stage, topic, partition, "offset", cause, detail, headers, replays,
      status) VALUES ('l-1', 'default', 5, 's', 't', 0, 0, 'c', '', '{}', 0, 'dead')`)
  createStoreSchema(database)
  const reader = deadLetterReader(database)
  const plans = await plansOf(() => reader.list({ cause: 'c', limit: 5 }))
  expect(plans).toEqual(['SEARCH store_dead_letters USING INDEX store_dead_letters_cause (cause=?)'])
  expect((await reader.list({ cause: 'c', limit: 5 })).data.map(({ id }) => id)).toEqual(['l-1'])
})
