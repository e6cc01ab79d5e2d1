/** Whether workers move, and whether the log answers. A process whose worker does not is best started again: what it held is read again then. */
import { waysOf } from '../../schemas/topics.js'
import type { Log } from '../engine/log.js'
import type { RunningStage } from './stages.js'

/** Longer than anything a worker waits for: a provider's time-out, a commit's, a rebalance, its pause after a crash. */
const stillMostMs = 120_000

/** A line for each worker that has made no progress for too long; empty while all do. */
export function stalledStages(stages: readonly RunningStage[]): string[] {
  return stages
    .filter(({ worker }) => worker.stillMs() > stillMostMs)
    .map(({ name, worker }) => `${name} has made no progress for ${Math.round(worker.stillMs() / 1000)} s.`)
}

/** Resolves when the log answered: where a topic ends is its to tell, on Kafka the broker's. */
export async function askLog(log: Pick<Log, 'lag'>): Promise<void> {
  await log.lag('record', waysOf('notifications.status'))
}
