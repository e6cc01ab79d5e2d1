/** The SQLite log as the conformance suites want it: on a file of its own, in real time. */
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { asyncScheduler } from 'rxjs'
import { Database } from '../../../pipeline/logs/sqlite/database.js'
import { type SqliteLog, sqliteLog } from '../../../pipeline/logs/sqlite/log.js'
import { type LogUnderTest, type OpenOptions, waitingIn } from '../../engine/log-under-test.js'
import { until } from '../../until.js'

/** Real time after which a wait has failed. */
const patienceMs = 120_000

export interface SqliteLogUnderTest extends LogUnderTest {
  readonly log: SqliteLog
  readonly database: Database
  reopen(): Promise<void>
}

/** Opens an empty log in a folder that is gone after `close`. */
export async function openSqliteLog({ partitions }: OpenOptions): Promise<SqliteLogUnderTest> {
  const folder = mkdtempSync(join(tmpdir(), 'carillon-log-'))
  let life = 0
  let opened = openIn(join(folder, String(life)))

  function openIn(own: string) {
    mkdirSync(own, { recursive: true })
    const database = new Database(join(own, 'carillon.db'))
    return { own, database, log: sqliteLog(database, { partitions, nowMs: Date.now }) }
  }

  return {
    get log() {
      return opened.log
    },
    get database() {
      return opened.database
    },
    clock: asyncScheduler,
    during: (work) =>
      Promise.race([
        work,
        new Promise<never>((_, reject) => {
          setTimeout(() => reject(new Error(`It took longer than ${patienceMs} ms`)), patienceMs).unref()
        }),
      ]),
    until,
    lag: (group, topics) => waitingIn(opened.log, group, topics),
    // Every write fails as on a file that cannot be written, so that roll-back is the real one.
    failCommits: (fail) => opened.database.exec(`PRAGMA query_only = ${fail ? 'ON' : 'OFF'}`),
    async reopen() {
      const { own, database } = opened
      life++
      copyDatabase(join(own, 'carillon.db'), join(folder, String(life)))
      opened = openIn(join(folder, String(life)))
      database.close()
    },
    async close() {
      await opened.log.close()
      opened.database.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The file as a kill at this moment would leave it: what was committed, and no more. Between two commits of the
 *  thread that calls, the file and its write-ahead log belong together. */
export function copyDatabase(file: string, folder: string): string {
  mkdirSync(folder, { recursive: true })
  const copy = join(folder, 'carillon.db')
  for (const ending of ['', '-wal']) if (existsSync(file + ending)) copyFileSync(file + ending, copy + ending)
  return copy
}
