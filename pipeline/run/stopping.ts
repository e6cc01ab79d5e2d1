/** How stages are stopped. */
import type { RunningStage } from './stages.js'

/** What a stage gets at least, when those before it took the time. */
const leastMs = 100

/** Upstream first, so that what is under way reaches the end where it can. `limitMs`: for all of them together. */
export async function stopStages(stages: readonly RunningStage[], limitMs: number): Promise<void> {
  const startedMs = performance.now()
  for (const { worker } of stages) await worker.stop(Math.max(leastMs, limitMs - (performance.now() - startedMs)))
}
