/** The SQLite log as the conformance suites want it: a real file in a folder of its own, in real time. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { asyncScheduler } from 'rxjs'
import type { LogUnderTest, OpenOptions } from '../engine/log-under-test.js'
import { Database } from './database.js'
import { type SqliteLog, sqliteLog } from './log.js'

/** After which a wait has failed. */
const patienceMs = 120_000
/** Between two questions of `until`. */
const stepMs = 2

/** A SQLite log with its file. */
export interface SqliteLogUnderTest extends LogUnderTest {
  readonly log: SqliteLog
  readonly database: Database
}

/** Opens an empty SQLite log. */
export async function openSqliteLog({ partitions }: OpenOptions): Promise<SqliteLogUnderTest> {
  const folder = mkdtempSync(join(tmpdir(), 'carillon-log-'))
  const openFile = () => {
    const database = new Database(join(folder, 'carillon.db'))
    return { database, log: sqliteLog(database, { partitions, nowMs: Date.now }) }
  }
  let opened = openFile()

  const during = async <T>(work: Promise<T>): Promise<T> => {
    const timeout = new AbortController()
    const late = sleep(patienceMs, undefined, { signal: timeout.signal }).then(() => {
      throw new Error(`What was waited for did not come within ${patienceMs} ms`)
    })
    try {
      return await Promise.race([work, late])
    } finally {
      timeout.abort()
      late.catch(() => undefined)
    }
  }

  const close = async (): Promise<void> => {
    await opened.log.close()
    opened.database.close()
  }

  return {
    get log() {
      return opened.log
    },
    get database() {
      return opened.database
    },
    clock: asyncScheduler,
    during,
    until: async (holds) => {
      for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += stepMs) {
        if (await during(Promise.resolve(holds()))) return
        await sleep(stepMs)
      }
      throw new Error(`What was waited for did not come within ${patienceMs} ms: ${holds}`)
    },
    failCommits: (fail) => opened.database.exec(`PRAGMA query_only = ${fail ? 'ON' : 'OFF'}`),
    reopen: async () => {
      await close()
      opened = openFile()
    },
    close: async () => {
      await close()
      rmSync(folder, { recursive: true })
    },
  }
}
