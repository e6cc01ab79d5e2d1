import { DatabaseSync } from '@photostructure/sqlite'
import { afterEach, expect, test } from 'vitest'
import { finalStatuses } from '../../../schemas/record.js'
import { closeAll, newFile, notificationOf, quickConfig } from '../../../testing/run/embedded/engine-sample.js'
import { Database } from '../../logs/sqlite/database.js'
import { recordReader } from '../../stores/sqlite/records.js'
import { type EngineClient, startEngine } from './engine-client.js'

const clients: EngineClient[] = []
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
  await closeAll()
})

async function start(databaseFile = newFile()): Promise<{ client: EngineClient; databaseFile: string }> {
  const client = await startEngine({ config: quickConfig(), databaseFile }, () => undefined)
  clients.push(client)
  return { client, databaseFile }
}

test('many requests of one turn are each answered for themselves, and all are delivered', async () => {
  const { client, databaseFile } = await start()
  const claim = { key: 'key', bodyHash: 'hash', answer: '{}' }
  const broken = notificationOf({ metadata: 7 as unknown as string })
  const good = Array.from({ length: 10 }, () => notificationOf())
  const outcomes = await Promise.allSettled([
    client.accept({ notifications: good.slice(0, 9), claim }),
    client.accept({ notifications: [broken], claim: null }),
    client.accept({ notifications: good.slice(0, 1), claim }),
    client.accept({ notifications: good.slice(9), claim: null }),
  ])
  expect(outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value.kind : outcome.status))).toEqual([
    'accepted',
    'rejected',
    'replayed',
    'accepted',
  ])
  const reader = new Database(databaseFile, { readOnly: true })
  const records = recordReader(reader)
  const statuses = async () => Promise.all(good.map(async ({ id }) => (await records.get('default', id))?.status))
  while (!(await statuses()).every((status) => status && finalStatuses.has(status))) await client.stages()
  expect(await statuses()).toEqual(good.map(() => 'simulated'))
  reader.close()
})

test('more than may wait is refused at once, and room comes back', async () => {
  const { client } = await start()
  const notifications = Array(100_001).fill(notificationOf())
  await expect(client.accept({ notifications, claim: null })).rejects.toMatchObject({ code: 'unavailable' })
  const broken = Array(60_000).fill(notificationOf({ metadata: 7 as unknown as string }))
  for (const _ of [1, 2]) {
    const failed = await client.accept({ notifications: broken, claim: null }).catch((error: unknown) => error)
    expect(failed).toMatchObject({ code: 'unexpected' })
  }
  expect(await client.accept({ notifications: [notificationOf()], claim: null })).toEqual({ kind: 'accepted' })
})

test('what keeps the engine from opening is told in its own words', async () => {
  const databaseFile = newFile()
  const later = new DatabaseSync(databaseFile)
  later.exec('PRAGMA user_version = 1000')
  later.close()
  const failed = await startEngine({ config: quickConfig(), databaseFile }, () => undefined).catch(
    (error: unknown) => error,
  )
  expect(failed).toMatchObject({ code: 'later-schema', message: expect.stringContaining('later version of Carillon') })
})

test('an engine that was asked to close has told everything, and answers no more', async () => {
  const { client } = await start()
  clients.length = 0
  await client.close()
  expect((await client.died).message).toContain('ended')
  await expect(client.accept({ notifications: [notificationOf()], claim: null })).rejects.toMatchObject({
    code: 'unavailable',
  })
})
