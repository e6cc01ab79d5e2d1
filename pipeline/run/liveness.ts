/** Whether workers move. A process whose worker does not is best started again: what it held is read again then. */
import type { RunningStage } from './stages.js'

/** Longer than anything a worker waits for: a provider's time-out, a commit's, a rebalance, its pause after a crash. */
const stillMostMs = 120_000

/** A line for each worker that has made no progress for too long; empty while all do. */
export function stalledStages(stages: readonly RunningStage[]): string[] {
  return stages
    .filter(({ worker }) => worker.stillMs() > stillMostMs)
    .map(({ name, worker }) => `${name} has made no progress for ${Math.round(worker.stillMs() / 1000)} s.`)
}
