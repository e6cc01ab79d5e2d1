import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { hourMs, startMs } from '../../../testing/stores/store-under-test.js'
import { claimReader } from '../../stores/sqlite/claims.js'
import { inboxStore } from '../../stores/sqlite/inbox.js'
import { pendingClaims } from '../../stores/sqlite/pending-claims.js'
import { Database } from './database.js'
import { createStoreSchema } from './schema.js'

let folder = ''
let database: Database
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'carillon-schema-'))
  database = new Database(join(folder, 'carillon.db'))
})
afterEach(() => {
  database.close()
  rmSync(folder, { recursive: true })
})

/** The version before claims had windows, and inbox messages had metadata and a number of their own. */
const before = 3

it('claims of an earlier version hold their keys for 24 hours still', async () => {
  createStoreSchema(database, before)
  database.exec(`
    INSERT INTO store_claims (tenant, key, body_hash, answer, created_at)
      VALUES ('default', 'done', 'a', 'first', ${startMs});
    INSERT INTO store_pending_claims (tenant, key, body_hash, answer, ids, batch_id, created_at, claimed_at)
      VALUES ('default', 'half-way', 'a', 'first', '["n-1"]', NULL, ${startMs}, ${startMs});
  `)
  createStoreSchema(database)
  const recall = (afterMs: number) => claimReader(database, () => startMs + afterMs).recall('default', 'done')
  expect(await recall(24 * hourMs - 1)).toEqual({ bodyHash: 'a', answer: 'first' })
  expect(await recall(24 * hourMs)).toBeUndefined()
  const again = { key: 'half-way', bodyHash: 'a', answer: 'second' }
  const claimed = { ids: ['n-2'], batchId: null }
  expect(await pendingClaims(database).claim('default', again, claimed, startMs + 24 * hourMs - 1)).toEqual({
    kind: 'again',
    answer: 'first',
    claimed: { ids: ['n-1'], batchId: null },
  })
})

it('inboxes of an earlier version keep their messages, what was read, and the order of arrival', async () => {
  createStoreSchema(database, before)
  const put = (id: string, afterMs: number, readMs: number | null) =>
    database.exec(`INSERT INTO store_inbox (tenant, recipient, id, notification_id, title, body, accepted_at, read_at)
      VALUES ('default', 'anna', '${id}', 'n-${id}', NULL, 'Hi', ${startMs + afterMs}, ${readMs})`)
  put('b', 2, startMs + 9)
  put('a', 1, null)
  createStoreSchema(database)
  const inbox = inboxStore(database, Date.now)
  const message = (id: string, ms: number) => {
    return { id, notificationId: `n-${id}`, body: 'Hi', at: `2026-01-01T00:00:00.00${ms}Z` }
  }
  expect(await inbox.list('default', 'anna', 9)).toEqual({
    data: [{ ...message('b', 2), readAt: '2026-01-01T00:00:00.009Z' }, message('a', 1)],
    nextCursor: null,
    unread: 1,
  })
  const place = await inbox.lastArrival('default', 'anna')
  const entry = { tenant: 'default', recipient: 'anna', notificationId: 'n', title: null, body: 'Hi', metadata: '{}' }
  await inbox.put({ ...entry, id: 'a', acceptedAtMs: startMs + 1 })
  await inbox.put({ ...entry, id: 'c', acceptedAtMs: startMs })
  const arrivals = await inbox.arrivals('default', 'anna', place, 9)
  expect(arrivals.map((arrival) => arrival.message.id)).toEqual(['c'])
})
