/** What a process does with its workers, whatever they are: says how they do, and stops them. A process whose worker does
 *  not move is best started again: what it held is read again then. */
import type { StageFlow } from '../../ingress/stage-flow.js'
import { stateOf } from '../engine/worker.js'
import type { RunningStage } from './stages.js'

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

/** Longer than anything a worker waits for: a provider's time-out, a commit's, a rebalance, its pause after a crash. */
const stillMostMs = 120_000

/** A line for each worker that has made no progress for too long; empty while all do. */
export function stalledStages(stages: readonly RunningStage[]): string[] {
  return stages
    .filter(({ worker }) => worker.stillMs() > stillMostMs)
    .map(({ name, worker }) => `${name} has made no progress for ${Math.round(worker.stillMs() / 1000)} s.`)
}

/** What a stage gets at least, when those before it took the time. */
const leastMs = 100

/** Upstream first, so that what is under way reaches the end where it can. `limitMs`: for all of them together. */
export async function stopStages(stages: readonly RunningStage[], limitMs: number): Promise<void> {
  const startedMs = performance.now()
  for (const { worker } of stages) await worker.stop(Math.max(leastMs, limitMs - (performance.now() - startedMs)))
}
