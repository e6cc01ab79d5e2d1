import { BehaviorSubject } from 'rxjs'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { topicsOf } from '../../schemas/streams.js'
import { requests } from '../../testing/engine/log-under-test.js'
import { openSqliteLog, type SqliteLogUnderTest } from '../../testing/logs/sqlite/log-under-test.js'
import { stateOf, type WorkerState } from '../engine/worker.js'
import { createMetrics } from '../observe/metrics/metrics.js'
import { consumedByStage, flowMeter } from './flow-meter.js'

let opened: SqliteLogUnderTest
beforeEach(async () => {
  opened = await openSqliteLog({ partitions: 2, revokeTimeoutMs: 0 })
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
})
afterEach(async () => {
  vi.useRealTimers()
  await opened.close()
})

test('a stage’s flow is its rate over the last seconds, what waits in each lane, and how it does', async () => {
  const metrics = createMetrics()
  const state = new BehaviorSubject<WorkerState>('running')
  const worker = { state, unacked: () => 3, restarts: () => 1, stillMs: () => 0, stop: async () => undefined }
  const stage = { name: 'dedupe', topics: topicsOf('notifications.requested'), worker } as const
  await opened.log.append([...requests('high', 2), ...requests('low', 7)])
  const here = () => ({ state: stateOf(worker), restarts: worker.restarts() })
  const meter = flowMeter({ stages: [stage], log: opened.log, count: () => consumedByStage(metrics), here })
  const flow = async () => (await meter.stages())[0]
  expect(await flow()).toEqual({
    stage: 'dedupe',
    input: 'notifications.requested',
    outputs: ['notifications.accepted', 'notifications.status', 'dead-letters'],
    state: 'running',
    processed: 0,
    perSecond: 0,
    lag: { high: 2, normal: 0, low: 7 },
    restarts: 1,
  })
  const ack = async (count: number) => {
    metrics.consumed.inc({ stage: 'dedupe', lane: 'high' }, count)
    await vi.advanceTimersByTimeAsync(1000)
  }
  for (const count of [10, 20, 30]) await ack(count)
  expect(await flow()).toMatchObject({ processed: 60, perSecond: 20 })
  for (const count of [0, 0, 0, 0, 5]) await ack(count)
  expect(await flow()).toMatchObject({ processed: 65, perSecond: 1 })
  state.next('restarting')
  expect((await flow())?.state).toBe('restarting')
  meter.stop()
})
