/** What a process does with its workers, whatever they are. */
import type { StageFlow } from '../../ingress/ports.js'
import type { RunningStage } from '../composition/stages.js'
import type { WorkerState } from '../engine/worker.js'
import type { Metrics } from '../metrics/metrics.js'

/** For what is under way to end, over all workers; closing connections takes a little more. */
export const drainMs = 7000

/** A line for each worker that is starting again after a crash. */
export function restarting(stages: readonly RunningStage[]): string[] {
  return stages.filter(({ worker }) => stateOf(worker) === 'restarting').map(({ name }) => `${name} is restarting.`)
}

/** Brings the gauges up to date. */
export function measureStages(stages: readonly RunningStage[], metrics: Metrics): void {
  for (const { name, worker } of stages) metrics.inFlight.set({ stage: name }, worker.unsettled())
}

/** What is known here of the workers of this process. */
export function localStates(
  stages: readonly RunningStage[],
): ReadonlyMap<string, Pick<StageFlow, 'state' | 'restarts'>> {
  return new Map(stages.map(({ name, worker }) => [name, { state: stateOf(worker), restarts: worker.restarts() }]))
}

function stateOf({ state }: RunningStage['worker']): WorkerState {
  let now: WorkerState = 'running'
  // It tells its state at once.
  state.subscribe((told) => (now = told)).unsubscribe()
  return now
}
