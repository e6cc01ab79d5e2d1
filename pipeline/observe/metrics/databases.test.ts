import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Unavailable } from '../../../schemas/errors.js'
import { Database } from '../../logs/sqlite/database.js'
import { measureFiles, sqliteObserver } from './databases.js'
import { createMetrics, type Metrics } from './metrics.js'

let folder: string
let file: string
let metrics: Metrics
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'carillon-databases-'))
  file = join(folder, 'test.db')
  metrics = createMetrics()
})
afterEach(() => rmSync(folder, { recursive: true }))

/** How many of each operation were told, by what came of them. */
async function counted(): Promise<Record<string, number>> {
  const { values } = await metrics.databaseSeconds.get()
  const counts = values.filter(({ metricName }) => metricName?.endsWith('_count'))
  return Object.fromEntries(
    counts.map(({ labels, value }) => {
      const { db_system_name: system, db_operation_name: operation, error_type: error } = labels
      return [`${system} ${operation} ${error}`.trim(), value]
    }),
  )
}

test('a group of writes is one commit, and a reader’s reads are counted where it is asked for', async () => {
  const writer = new Database(file, { observer: sqliteObserver(metrics, 'commits') })
  writer.exec('CREATE TABLE notes (text TEXT)')
  const put = (text: string) => writer.write(() => writer.prepare('INSERT INTO notes VALUES (?)').run(text), false)
  await Promise.all([put('a'), put('b')])
  await put('c')
  const reader = new Database(file, { readOnly: true, observer: sqliteObserver(metrics, 'reads') })
  for (const database of [writer, reader]) database.read(() => database.prepare('SELECT * FROM notes').all())
  expect(await counted()).toEqual({ 'sqlite commit': 2, 'sqlite read': 1 })
  reader.close()
  writer.close()
})

test('an operation that fails is counted by SQLite’s code', async () => {
  const writer = new Database(file, { observer: sqliteObserver(metrics, 'both') })
  writer.exec('CREATE TABLE notes (text TEXT)')
  writer.exec('PRAGMA max_page_count = 2')
  const large = writer.write(() => writer.prepare('INSERT INTO notes VALUES (hex(randomblob(100000)))').run(), false)
  await expect(large).rejects.toMatchObject({ code: 'storage-full' })
  const busy = () => {
    throw Object.assign(new Error('as SQLite throws it'), { errcode: 5 })
  }
  expect(() => writer.read(busy)).toThrow(Unavailable)
  expect(await counted()).toEqual({ 'sqlite commit full': 1, 'sqlite read busy': 1 })
  writer.close()
})

test('the files are measured at each scrape', async () => {
  measureFiles(metrics, file)
  const sizes = async () => {
    const { values } = await metrics.databaseBytes.get()
    return values.map(({ labels, value }) => [labels.file, value])
  }
  expect(await sizes()).toEqual([
    ['database', 0],
    ['wal', 0],
  ])
  const database = new Database(file)
  database.exec('CREATE TABLE notes (text TEXT)')
  expect(await sizes()).toEqual([
    ['database', statSync(file).size],
    ['wal', statSync(`${file}-wal`).size],
  ])
  expect(statSync(`${file}-wal`).size).toBeGreaterThan(0)
  database.close()
})
