/** What the engine promises when something goes wrong: a kill, a record that cannot be read, a full disk. */
import { setTimeout as sleep } from 'node:timers/promises'
import { firstValueFrom, Subject } from 'rxjs'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { StorageFull } from '../../../schemas/errors.js'
import { providerHealth, requested } from '../../../schemas/outgoing.js'
import { type StreamName, topicsOf } from '../../../schemas/streams.js'
import type { SendRequest, SendResult } from '../../../stages/deliver/providers/provider.js'
import {
  closeAll,
  newFile,
  notificationOf,
  run,
  stub,
  writeRecords,
} from '../../../testing/run/embedded/engine-sample.js'
import { createCodec } from '../../engine/codec.js'
import { seededRandom } from '../../engine/seeded-random.js'
import { Database } from '../../logs/sqlite/database.js'

afterEach(async () => {
  vi.restoreAllMocks()
  await closeAll()
})

const codec = createCodec()

const keysOf = (calls: readonly { readonly key: string }[]) => calls.map(({ key }) => key).sort()

describe('a kill', () => {
  test('repeats only the calls that were under way, with their keys, and loses nothing', async () => {
    const stuck = new Set<string>()
    const gate = new Subject<SendResult>()
    const answer = ({ key }: SendRequest): SendResult | Promise<SendResult> =>
      stuck.has(key) ? firstValueFrom(gate) : { outcome: 'sent' }
    const one = await run(undefined, { answer, policy: { timeoutMs: 60_000 } })
    const notifications = Array.from({ length: 60 }, () => notificationOf())
    for (const { id } of notifications.slice(0, 5)) stuck.add(`${id}.email`)
    const waiting = notificationOf({ sendAtMs: Date.now() + 5000 })
    await one.accept([...notifications, waiting])
    await Promise.all(notifications.slice(5).map(({ id }) => one.ended(id)))
    await one.until(async () => (await one.record(waiting.id))?.status === 'scheduled')
    await one.until(() => one.calls.length === 60)
    const two = await run(one.crashImage())
    const records = await Promise.all([...notifications, waiting].map(({ id }) => two.ended(id)))
    expect(records.map(({ status }) => status)).toEqual(Array(61).fill('sent'))
    expect(keysOf(two.calls)).toEqual([...stuck, `${waiting.id}.email`].sort())
    expect(records[0]?.deliveries[0]?.attempts.map(({ number }) => number)).toEqual([1])
    gate.next({ outcome: 'sent' })
  })

  test.each([1, 2, 3])('at any moment leaves each notification to end once, under one key (seed %i)', async (seed) => {
    const random = seededRandom(seed)
    const answer = async ({ attempt }: SendRequest): Promise<SendResult> => {
      await sleep(random() * 10)
      return attempt === 1 && random() < 0.1 ? { outcome: 'transient', error: 'down' } : { outcome: 'sent' }
    }
    const accepted: string[] = []
    const keys = new Set<string>()
    let file = newFile()
    for (let life = 0; life < 4; life++) {
      const one = await run(file, { answer })
      const known = accepted.length
      for (let batch = 0; batch < 5; batch++) {
        const notifications = Array.from({ length: 20 }, () => notificationOf())
        await one.accept(notifications)
        accepted.push(...notifications.map(({ id }) => id))
      }
      await one.until(() => one.calls.length >= 20 + random() * 60)
      file = one.crashImage()
      for (const { key } of one.calls) keys.add(key)
      expect(accepted.length).toBe(known + 100)
      await one.close()
    }
    const last = await run(file, { answer })
    const ends = await Promise.all(accepted.map((id) => last.ended(id)))
    for (const { key } of last.calls) keys.add(key)
    expect(ends.map(({ status }) => status)).toEqual(accepted.map(() => 'sent'))
    expect([...keys].sort()).toEqual(accepted.map((id) => `${id}.email`).sort())
    expect(await last.deadLetters()).toEqual([])
  })
})

describe('a record that cannot be read', () => {
  const bad = Buffer.from('no Avro at all')
  const streams: readonly StreamName[] = [
    'notifications.requested',
    'notifications.accepted',
    'notifications.rendered',
    'deliveries.routed',
    'deliveries.released',
    'notifications.status',
    'dead-letters',
  ]

  test.each(streams)('on %s is kept with its bytes, and what stands behind it goes on', async (topic) => {
    const file = newFile()
    const topics = topicsOf(topic)
    const records = topics.map((topic) => ({
      topic,
      key: Buffer.from('key'),
      value: bad,
      headers: { from: 'somewhere' },
      timestampMs: 5,
    }))
    await writeRecords(file, records)
    const one = await run(file)
    const notification = notificationOf()
    await one.accept([notification])
    expect((await one.ended(notification.id)).status).toBe('sent')
    await one.until(async () => (await one.deadLetters()).length === topics.length)
    const letters = (await one.deadLetters()).map(({ letter }) => letter)
    expect(letters.map(({ cause, offset, headers }) => ({ cause, offset, headers }))).toEqual(
      topics.map(() => ({ cause: 'not-avro', offset: 0, headers: { from: 'somewhere' } })),
    )
    expect(letters.map(({ key, value }) => `${Buffer.from(key ?? [])}: ${Buffer.from(value ?? [])}`)).toEqual(
      topics.map(() => 'key: no Avro at all'),
    )
    expect(new Set(letters.map((letter) => letter.topic)).size).toBe(topics.length)
    expect(one.crashes).toEqual([])
    for (const { id } of letters) expect(await one.replay(id)).toBe('not-replayable')
  })

  test('among the news of breakers is passed over, and the news behind it is heard', async () => {
    const file = newFile()
    const health = { key: stub, tenant: 'default', provider: stub, state: 'open', lastError: null } as const
    const news = codec.encode(providerHealth({ ...health, atMs: 0, sinceMs: 0, retryAtMs: Date.now() + 600_000 }), 0)
    const notification = notificationOf()
    const accepted = codec.encode(requested(notification), 5)
    await writeRecords(file, [{ ...news, value: bad }, news, accepted])
    const one = await run(file)
    await one.until(async () => (await one.record(notification.id))?.status === 'scheduled')
    expect([one.calls, one.crashes]).toEqual([[], []])
  })
})

describe('a full disk', () => {
  test('is told to the caller, and afterwards all goes on by itself: nothing lost, doubled or torn', async () => {
    const databases: Database[] = []
    const exec = Database.prototype.exec
    vi.spyOn(Database.prototype, 'exec').mockImplementation(function (this: Database, sql) {
      databases.push(this)
      exec.call(this, sql)
    })
    const one = await run()
    const [database] = databases
    if (!database) throw new Error('The engine has opened no database')
    const pragma = (name: string) => Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0]
    const accepted: string[] = []
    const accept = async (text: string) => {
      const content = { '*': { subject: 'Hello', text, html: null, data: null } }
      const notification = notificationOf({ content })
      const claim = { key: notification.id, bodyHash: 'hash', answer: '{}' }
      await one.accept([notification], claim)
      accepted.push(notification.id)
      return { notification, claim }
    }
    for (let count = 0; count < 20; count++) await accept('x')
    await one.until(() => one.calls.length === 20)
    exec.call(database, `PRAGMA max_page_count = ${Number(pragma('page_count')) + 60}`)
    const fill = async () => {
      for (let count = 0; count < 200; count++) await accept('x'.repeat(9000))
    }
    await expect(fill()).rejects.toBeInstanceOf(StorageFull)
    const refused = notificationOf({ data: JSON.stringify({ large: 'y'.repeat(60_000) }) })
    const claim = { key: 'refused', bodyHash: 'hash', answer: '{}' }
    await expect(one.accept([refused], claim)).rejects.toBeInstanceOf(StorageFull)
    await one.until(() => one.crashes.length >= 8)
    exec.call(database, 'PRAGMA max_page_count = 1073741823')
    expect(await one.accept([refused], claim)).toEqual({ kind: 'accepted' })
    accepted.push(refused.id)
    const records = await Promise.all(accepted.map((id) => one.ended(id)))
    expect(records.map(({ status }) => status)).toEqual(accepted.map(() => 'sent'))
    expect(keysOf(one.calls)).toEqual(accepted.map((id) => `${id}.email`).sort())
    await one.until(async () => (await one.engine.problems()).length === 0)
    expect([await one.deadLetters(), pragma('integrity_check')]).toEqual([[], 'ok'])
  })
})
