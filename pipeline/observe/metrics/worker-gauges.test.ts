import { BehaviorSubject } from 'rxjs'
import { expect, test } from 'vitest'
import { samplesOf } from '../../../testing/observe/metrics/samples-under-test.js'
import type { WorkerState } from '../../engine/worker.js'
import { createMetrics } from './metrics.js'
import { workerGauges } from './stage-observer.js'

test('each worker tells at a scrape whether it runs, since when it stands still, and what it holds', async () => {
  const metrics = createMetrics()
  const state = new BehaviorSubject<WorkerState>('running')
  const worker = { state, unacked: () => 3, restarts: () => 1, stillMs: () => 1500, stop: async () => undefined }
  workerGauges(metrics, 'route', worker)
  workerGauges(metrics, 'intake', { ...worker, unacked: () => 0, state: new BehaviorSubject<WorkerState>('running') })
  state.next('restarting')
  expect(await samplesOf(metrics, 'running', 'stillSeconds', 'inFlight')).toEqual([
    'carillon_stage_running{stage="route"} 0',
    'carillon_stage_running{stage="intake"} 1',
    'carillon_stage_still_seconds{stage="route"} 1.5',
    'carillon_stage_still_seconds{stage="intake"} 1.5',
    'carillon_stage_in_flight{stage="route"} 3',
    'carillon_stage_in_flight{stage="intake"} 0',
  ])
})
