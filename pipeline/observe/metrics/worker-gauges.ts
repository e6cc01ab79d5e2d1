/** How a worker stands, told at each scrape. */
import type { WorkerName } from '../../../stages/stage.js'
import { stateOf, type Worker } from '../../engine/worker.js'
import type { Metrics } from './metrics.js'

/** For as long as the metrics live. */
export function workerGauges(metrics: Metrics, stage: WorkerName, worker: Worker): void {
  metrics.atScrape('running', () => metrics.running.set({ stage }, Number(stateOf(worker) === 'running')))
  metrics.atScrape('stillSeconds', () => metrics.stillSeconds.set({ stage }, worker.stillMs() / 1000))
  metrics.atScrape('inFlight', () => metrics.inFlight.set({ stage }, worker.unsettled()))
}
