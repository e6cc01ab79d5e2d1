/** What a process does with its workers, whatever they are. */
import type { StageFlow } from '../../../ingress/stage-flow.js'
import { stateOf } from '../../engine/worker.js'
import type { RunningStage } from '../stages.js'

/** For what is under way to end, over all workers; closing connections takes a little more. */
export const drainMs = 7000

/** A line for each worker that is starting again after a crash. */
export function restarting(stages: readonly RunningStage[]): string[] {
  return stages.filter(({ worker }) => stateOf(worker) === 'restarting').map(({ name }) => `${name} is restarting.`)
}

/** What is known here of the workers of this process. */
export function localStates(
  stages: readonly RunningStage[],
): ReadonlyMap<string, Pick<StageFlow, 'state' | 'restarts'>> {
  return new Map(stages.map(({ name, worker }) => [name, { state: stateOf(worker), restarts: worker.restarts() }]))
}
