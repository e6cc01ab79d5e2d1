import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { StorageFull, Unavailable } from '../../../schemas/errors.js'
import { Database } from './database.js'

let folder: string
let database: Database
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'carillon-database-'))
  database = new Database(join(folder, 'test.db'))
  database.exec('CREATE TABLE notes (text TEXT NOT NULL UNIQUE)')
})
afterEach(() => {
  database.close()
  rmSync(folder, { recursive: true })
})

const put = (text: string) => database.prepare('INSERT INTO notes VALUES (?)').run(text).changes
const notes = (from = database) =>
  (from.prepare('SELECT text FROM notes ORDER BY text').all() as { text: string }[]).map(({ text }) => text)
const pragma = (name: string) => Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0]

test('writes that come together commit together, each with its own result', async () => {
  const seen: unknown[] = []
  const results = ['a', 'b', 'c'].map((text) =>
    database.write(() => {
      seen.push(reader.prepare('SELECT count(*) AS n FROM notes').get())
      return put(text) + text.length
    }, false),
  )
  const reader = new Database(join(folder, 'test.db'), { readOnly: true })
  expect(await Promise.all(results)).toEqual([2, 2, 2])
  expect(seen).toEqual(Array(3).fill({ n: 0 }))
  expect(notes(reader)).toEqual(['a', 'b', 'c'])
  reader.close()
})

test('work that throws is undone alone; those it shared the commit with are done', async () => {
  const trouble = new Error('as the test wants it')
  const outcomes = await Promise.allSettled([
    database.write(() => put('a'), false),
    database.write(() => {
      put('b')
      throw trouble
    }, false),
    database.write(() => put('a'), false),
    database.write(() => put('c'), false),
  ])
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled'])
  expect(outcomes[1]).toEqual({ status: 'rejected', reason: trouble })
  expect(notes()).toEqual(['a', 'c'])
})

test('a group syncs to disk when any of its works must be durable, and only then', async () => {
  const level = () => pragma('synchronous')
  const normal = 1
  const full = 2
  const first = await Promise.all([database.write(level, false), database.write(level, false)])
  const second = await Promise.all([database.write(level, false), database.write(level, true)])
  const third = await database.write(level, false)
  expect([first, second, third]).toEqual([[normal, normal], [full, full], normal])
})

test('on a full disk the whole group fails as such, nothing of it stays, and it goes on when there is room', async () => {
  database.exec(`PRAGMA max_page_count = ${Number(pragma('page_count')) + 1}`)
  const large = 'x'.repeat(100_000)
  const works = [() => put('a'), () => put(large), () => put('b')]
  const outcomes = await Promise.allSettled(works.map((work) => database.write(work, true)))
  expect(outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason instanceof StorageFull)).toEqual([
    true,
    true,
    true,
  ])
  expect(notes()).toEqual([])
  database.exec('PRAGMA max_page_count = 100000')
  await Promise.all(works.map((work) => database.write(work, true)))
  expect([notes().length, pragma('integrity_check')]).toEqual([3, 'ok'])
})

test('a file that cannot be written is told as unavailable, with the cause', async () => {
  database.exec('PRAGMA query_only = ON')
  const failed = await database.write(() => put('a'), false).catch((error: unknown) => error)
  expect(failed).toBeInstanceOf(Unavailable)
  expect(failed).toMatchObject({ code: 'unavailable', cause: { message: expect.any(String) } })
  database.exec('PRAGMA query_only = OFF')
  await database.write(() => put('b'), false)
  expect(notes()).toEqual(['b'])
})

test('what is queued when it is closed is committed first', async () => {
  const written = database.write(() => put('a'), true)
  database.close()
  expect(await written).toBe(1)
  database = new Database(join(folder, 'test.db'))
  expect(notes()).toEqual(['a'])
})

test('a reader cannot write', async () => {
  const reader = new Database(join(folder, 'test.db'), { readOnly: true })
  await expect(
    reader.write(() => reader.prepare("INSERT INTO notes VALUES ('a')").run(), false),
  ).rejects.toBeInstanceOf(Unavailable)
  expect(notes(reader)).toEqual([])
  reader.close()
})

test('an error of the work itself is no trouble of the storage when reading', () => {
  const trouble = new TypeError('as the test wants it')
  expect(() =>
    database.read(() => {
      throw trouble
    }),
  ).toThrow(trouble)
})
