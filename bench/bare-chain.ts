/** The yardstick: six hops on a SQLite file that read, decode, encode, write and commit, with the same library and
 *  schemas and nothing of Carillon's engine. A hop takes a batch, one row for each record, and commits it with its
 *  offset; the last one writes a row for each notification. */
import { once } from 'node:events'
import { join } from 'node:path'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { DatabaseSync, type DatabaseSyncInstance } from '@photostructure/sqlite'
import { decodeAvro, type EventName, encodeAvro } from '../schemas/avro.js'
import type { Events } from '../schemas/events.js'
import { hops, sampleRequest } from './bare-hops.js'
import { monotonicMs } from './latency.js'
import { perNotification, threadTimeMs } from './process-use.js'
import { inFolder } from './run.js'

const batch = 500
const maxWarmUp = 5000

interface ChainData {
  readonly folder: string
  readonly count: number
}

export interface BareChainRun {
  readonly perSecond: number
  /** Processor time of its thread for each notification, in microseconds; null where the system does not tell. */
  readonly cpuMicros: number | null
}

/** Runs the bare chain in a thread, so that its heap is its own. */
export function bareChain(count: number): Promise<BareChainRun> {
  return inFolder(async (folder) => {
    const data: ChainData = { folder, count }
    const thread = new Worker(new URL(import.meta.url), { workerData: data })
    const [run] = await once(thread, 'message')
    return run as BareChainRun
  })
}

/** What is measured runs compiled: some go through a chain of their own first. */
function runWarm({ folder, count }: ChainData): BareChainRun {
  runChain(join(folder, 'warm-up.db'), Math.min(count, maxWarmUp))
  return runChain(join(folder, 'bare.db'), count)
}

function runChain(file: string, count: number): BareChainRun {
  const database = openTables(file)
  layRequests(database, count)
  const steps = hops.map((_, number) => hopOn(database, number))
  const threadMs = threadTimeMs()
  const startedMs = monotonicMs()
  // As live stages do, each takes its turn: what one has written is read while it is warm.
  for (let taken = 1; taken > 0; ) taken = steps.reduce((sum, step) => sum + step(), 0)
  const seconds = (monotonicMs() - startedMs) / 1000
  const cpuMicros = perNotification(threadMs, threadTimeMs(), count)
  const { ended } = database.prepare('SELECT count(*) AS ended FROM records').get() as { ended: number }
  if (ended !== count) throw new Error(`The bare chain recorded ${ended} of ${count}`)
  database.close()
  return { perSecond: count / seconds, cpuMicros }
}

function openTables(file: string): DatabaseSyncInstance {
  const database = new DatabaseSync(file)
  database.exec('PRAGMA journal_mode = WAL')
  database.exec('PRAGMA synchronous = NORMAL')
  for (const number of hops.keys()) {
    database.exec(`CREATE TABLE topic_${number} (position INTEGER PRIMARY KEY, key TEXT NOT NULL, value BLOB NOT NULL)`)
  }
  database.exec('CREATE TABLE offsets (hop INTEGER PRIMARY KEY, next INTEGER NOT NULL)')
  database.exec('CREATE TABLE records (id TEXT PRIMARY KEY, status TEXT NOT NULL, trail TEXT NOT NULL) WITHOUT ROWID')
  for (const number of hops.keys()) database.prepare('INSERT INTO offsets VALUES (?, 0)').run(number)
  return database
}

function layRequests(database: DatabaseSyncInstance, count: number): void {
  const insert = database.prepare('INSERT INTO topic_0 (key, value) VALUES (?, ?)')
  database.exec('BEGIN')
  for (let number = 0; number < count; number++) {
    const request = sampleRequest(number)
    insert.run(request.recipient, encodeAvro('notification-requested', request))
  }
  database.exec('COMMIT')
}

/** One hop; the returned function takes a batch and says how many records there were. */
function hopOn(database: DatabaseSyncInstance, number: number): () => number {
  const hop = hops[number]
  if (!hop) throw new RangeError(`There is no hop ${number}`)
  const read = database.prepare(`SELECT key, value FROM topic_${number} WHERE position > ? ORDER BY position LIMIT ?`)
  const next = database.prepare('SELECT next FROM offsets WHERE hop = ?')
  const move = database.prepare('UPDATE offsets SET next = ? WHERE hop = ?')
  const write = hop.to === null ? upsertion(database) : insertion(database, number + 1, hop.to)
  return () => {
    const { next: from } = next.get(number) as { next: number }
    const rows = read.all(from, batch) as unknown as { key: string; value: Uint8Array }[]
    if (rows.length === 0) return 0
    database.exec('BEGIN')
    for (const { key, value } of rows) write(key, hop.turn(decodeAvro(hop.from, value)))
    move.run(from + rows.length, number)
    database.exec('COMMIT')
    return rows.length
  }
}

function insertion(database: DatabaseSyncInstance, topic: number, event: EventName) {
  const insert = database.prepare(`INSERT INTO topic_${topic} (key, value) VALUES (?, ?)`)
  return (key: string, value: Events[EventName]) => insert.run(key, encodeAvro(event, value))
}

function upsertion(database: DatabaseSyncInstance) {
  const upsert = database.prepare(
    `INSERT INTO records (id, status, trail) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET status = excluded.status, trail = excluded.trail`,
  )
  return (_key: string, value: Events[EventName]) => {
    if (!('deliveries' in value)) throw new Error('The last hop reads status events')
    upsert.run(value.notificationId, value.deliveries[0]?.status ?? '', JSON.stringify(value.trail))
  }
}

if (!isMainThread) parentPort?.postMessage(runWarm(workerData as ChainData))
