import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { RecordQuery } from '../../../ingress/ports.js'
import type { NotificationRequested } from '../../../schemas/events.js'
import { allPages, sampleEnd, sampleRequest, startMs } from '../../../testing/stores/store-under-test.js'
import { Database } from '../../logs/sqlite/database.js'
import { createStoreSchema } from '../../logs/sqlite/schema.js'
import { spanRows } from '../../logs/sqlite/spans.js'
import { recordWriter } from './record-writer.js'
import { recordReader } from './records.js'

let folder = ''
let database: Database
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'carillon-list-'))
  database = new Database(join(folder, 'carillon.db'))
  createStoreSchema(database)
})
afterEach(() => {
  database.close()
  rmSync(folder, { recursive: true })
})

/** Two spans and a half, in the order in which they are written. */
function requests(afterMs: (at: number) => number): NotificationRequested[] {
  return Array.from({ length: 2.5 * spanRows }, (_, at) =>
    sampleRequest(`n-${at}`, afterMs(at), {
      recipient: `user-${at % 100}`,
      channels: [at % 5000 === 0 ? 'slack' : 'email'],
    }),
  )
}

async function write(all: readonly NotificationRequested[]): Promise<void> {
  const writer = recordWriter(database)
  for (let at = 0; at < all.length; at += 1000) {
    await database.write(() => writer.insertAccepted(all.slice(at, at + 1000)), false)
  }
  const failed = all.filter((_, at) => at % 700 === 0).map((request) => sampleEnd(request, 1_000_000, 'failed'))
  await database.write(() => writer.mergeStatus(failed), false)
}

async function pages(query: Omit<RecordQuery, 'tenant'>, rowsLookedAt?: number): Promise<string[][]> {
  const reader = recordReader(database, rowsLookedAt === undefined ? {} : { rowsLookedAt })
  const found = await allPages((cursor) => reader.list({ tenant: 'default', ...query, ...(cursor && { cursor }) }))
  return found.map((page) => page.map(({ id }) => id))
}

/** What a list must be: by time, later written first where times are equal. */
function sorted(all: readonly NotificationRequested[], keep: (request: NotificationRequested, at: number) => boolean) {
  return all
    .map((request, at) => ({ request, at }))
    .filter(({ request, at }) => keep(request, at))
    .sort((a, b) => b.request.acceptedAtMs - a.request.acceptedAtMs || b.at - a.at)
    .map(({ request }) => request.id)
}

const topics = {
  'in order of time': (at: number) => at,
  'against the order of time': (at: number) => 100_000 - at,
  'in no order at all': (at: number) => (at * 7919) % 10_007,
  'all at the same time': () => 0,
}

it.each(Object.entries(topics))(
  'is in order for rows written %s, also where pages are cut short',
  async (_way, afterMs) => {
    const all = requests(afterMs)
    await write(all)
    for (const rowsLookedAt of [undefined, 1]) {
      expect((await pages({ limit: 999 }, rowsLookedAt)).flat()).toEqual(sorted(all, () => true))
      const failed = sorted(all, (_, at) => at % 700 === 0)
      expect((await pages({ limit: 2, statuses: ['failed', 'expired'] }, rowsLookedAt)).flat()).toEqual(failed)
      const slack = sorted(all, (_, at) => at % 5000 === 0)
      expect((await pages({ limit: 2, channel: 'slack' }, rowsLookedAt)).flat()).toEqual(slack)
      const own = sorted(all, (_, at) => at % 100 === 42)
      expect((await pages({ limit: 7, recipient: 'user-42' }, rowsLookedAt)).flat()).toEqual(own)
      const [fromMs, toMs] = [startMs + 2000, startMs + 5000]
      const between = sorted(all, ({ acceptedAtMs: at }) => at >= fromMs && at < toMs)
      expect((await pages({ limit: 999, fromMs, toMs }, rowsLookedAt)).flat()).toEqual(between)
    }
  },
)

it('cuts a page short, with a cursor to go on, when a filter finds little in many rows', async () => {
  await write(requests((at) => at))
  expect(await pages({ limit: 2, channel: 'slack' })).toEqual([['n-10000', 'n-5000'], ['n-0']])
  expect(await pages({ limit: 2, channel: 'slack' }, 1)).toEqual([['n-10000'], ['n-5000'], ['n-0']])
})
