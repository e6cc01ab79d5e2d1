import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { describeStore } from '../../../testing/stores/store-conformance.js'
import { type StoreUnderTest, sampleEnd, sampleRequest, startMs } from '../../../testing/stores/store-under-test.js'
import { Database } from '../../logs/sqlite/database.js'
import { createStoreSchema, LaterSchema } from '../../logs/sqlite/schema.js'
import type { Retention } from '../retention.js'
import { claimWriter } from './claims.js'
import { deadLetterReader, deadLetterWriter } from './dead-letters.js'
import { inboxStore } from './inbox.js'
import { outboxStore } from './outbox.js'
import { directory, recipientStore } from './recipients.js'
import { recordWriter } from './record-writer.js'
import { recordReader } from './records.js'
import { retention } from './retention.js'
import { templateSource, templateStore } from './templates.js'

/** Writes go to the one database, reads to another of the same file that cannot write, as between threads. */
async function open(kept: Retention): Promise<StoreUnderTest> {
  const folder = mkdtempSync(join(tmpdir(), 'carillon-store-'))
  const file = join(folder, 'carillon.db')
  const database = new Database(file)
  createStoreSchema(database)
  const reading = new Database(file, { readOnly: true })
  const records = recordWriter(database)
  const claims = claimWriter(database)
  const letters = deadLetterWriter(database)
  const prune = retention(database, kept)
  let now = startMs
  return {
    records: recordReader(reading),
    accept: (notifications) => database.write(() => records.insertAccepted(notifications), false),
    merge: (events) => database.write(() => records.mergeStatus(events), false),
    claim: (tenant, claim, nowMs) => database.write(() => claims.claim(tenant, claim, nowMs), true),
    templates: templateStore(database),
    templateSource: templateSource(reading),
    recipients: recipientStore(database),
    directory: directory(reading),
    inbox: inboxStore(database, () => now++),
    outbox: outboxStore(database),
    deadLetters: deadLetterReader(reading),
    putDeadLetter: (letter) => database.write(() => letters.put(letter), false),
    markReplayed: (id, status) => database.write(() => letters.markReplayed(id, status), true),
    prune: async (nowMs) => {
      now = nowMs
      while ((await database.write(() => prune(nowMs), false)) > 0);
    },
    close: async () => {
      reading.close()
      database.close()
      rmSync(folder, { recursive: true })
    },
  }
}

describeStore('SQLite', open)

describe('the file of the store', () => {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'carillon-store-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('is opened again with everything in it', async () => {
    const file = join(folder, 'carillon.db')
    const request = sampleRequest('n-1', 0)
    const first = new Database(file)
    createStoreSchema(first)
    const writer = recordWriter(first)
    await first.write(() => writer.insertAccepted([request]), true)
    await first.write(() => writer.mergeStatus([sampleEnd(request, 40)]), true)
    const before = await recordReader(first).get('default', 'n-1')
    first.close()
    const second = new Database(file)
    createStoreSchema(second)
    expect(await recordReader(second).get('default', 'n-1')).toEqual(before)
    expect(before?.status).toBe('sent')
    second.close()
  })

  it('is refused when a later version wrote it', () => {
    const database = new Database(join(folder, 'carillon.db'))
    database.exec('PRAGMA user_version = 1000')
    expect(() => createStoreSchema(database)).toThrow(LaterSchema)
    database.close()
  })

  it('undoes a piece of work whole, and leaves its neighbours in the group', async () => {
    const database = new Database(join(folder, 'carillon.db'))
    createStoreSchema(database)
    const writer = recordWriter(database)
    const good = database.write(() => writer.insertAccepted([sampleRequest('n-1', 0)]), true)
    const bad = database.write(() => {
      writer.insertAccepted([sampleRequest('n-2', 0)])
      throw new Error('no')
    }, true)
    await good
    await expect(bad).rejects.toThrow('no')
    const { data } = await recordReader(database).list({ tenant: 'default', limit: 5 })
    expect(data.map(({ id }) => id)).toEqual(['n-1'])
    database.close()
  })
})
