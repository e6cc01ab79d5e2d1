import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { requests } from '../../../testing/engine/log-under-test.js'
import { openSqliteLog, type SqliteLogUnderTest } from '../../../testing/logs/sqlite/log-under-test.js'
import { Database } from '../../logs/sqlite/database.js'
import type { LagRounds } from '../../observe/lag/rounds.js'
import { createMetrics, type Metrics } from '../../observe/metrics/metrics.js'
import { answering, measureEmbeddedLag } from './lag.js'

const config = {
  lag: { everyMs: 60_000 },
  retention: { recordsDays: 1, inboxDays: 1, logHours: 1, logBytes: 2 ** 30 },
} as const
const logger = { warn: () => undefined, info: () => undefined }

let opened: SqliteLogUnderTest
let database: Database
let metrics: Metrics
let rounds: LagRounds
beforeEach(async () => {
  opened = await openSqliteLog({ partitions: 1, revokeTimeoutMs: 0 })
  database = new Database(opened.database.file, { readOnly: true })
  metrics = createMetrics()
})
afterEach(async () => {
  await rounds.stop()
  database.close()
  await opened.close()
})

/** What is shown of dedupe after a round. */
async function shown(askLog: () => Promise<void>) {
  rounds = measureEmbeddedLag({ config, database, engine: { askLog }, metrics, logger, answerMs: 5 })
  await vi.waitUntil(() => rounds.latest() !== null)
  const of = async (gauge: 'groupSumLag' | 'members') =>
    (await metrics[gauge].get()).values.find(({ labels }) => labels.stage === 'dedupe')?.value
  return { waiting: await of('groupSumLag'), members: await of('members') }
}

test.each([
  ['answers', () => Promise.resolve(), 1],
  ['hangs', () => new Promise<never>(() => undefined), 0],
  ['fails', () => Promise.reject(new Error('away')), 0],
] as const)('the lag is told while the engine %s, and who works on it', async (_, askLog, members) => {
  await opened.log.append(requests('high', 7))
  expect(await shown(askLog)).toEqual({ waiting: 7, members })
})

test('who hangs is asked once, however often an answer is wanted', async () => {
  let answer = (_: string): void => undefined
  const ask = vi.fn(
    () =>
      new Promise<string>((resolve) => {
        answer = resolve
      }),
  )
  const asked = answering(ask, 'silence', 5)
  expect([await asked(), await asked(), ask.mock.calls.length]).toEqual(['silence', 'silence', 1])
  const waited = answering(ask, 'silence', 60_000)
  const answers = [waited(), waited()]
  answer('well')
  expect([await Promise.all(answers), ask.mock.calls.length]).toEqual([['well', 'well'], 2])
  rounds = { stop: async () => undefined } as LagRounds
})
