/** How a test waits for what real input and output bring about. */
import { setTimeout as sleep } from 'node:timers/promises'

/** After which a wait has failed: far beyond what any takes, for machines differ, and others work on them. */
const boundMs = 150_000
const stepMs = 10

/** Resolves once it holds, asked again and again. Rejects where that takes too long, and says for what it waited. */
export async function until(
  holds: () => Promise<boolean> | boolean,
  what: () => string = () => String(holds),
): Promise<void> {
  const deadlineMs = performance.now() + boundMs
  while (!(await holds())) {
    if (performance.now() > deadlineMs) throw new Error(`This did not come within ${boundMs} ms: ${what()}`)
    await sleep(stepMs)
  }
}
