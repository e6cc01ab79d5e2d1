/** Throughput: a backlog is laid, then the six stages work it off, from requested to recorded. */
import { monotonicMs } from './monotonic-clock.js'
import { makeNotifications } from './notifications.js'
import { progressBar } from './progress.js'
import { allRecorded } from './recorded.js'
import { watchMemory } from './resident-memory.js'
import { inFolder } from './run-folder.js'
import { openStubEngine, type StubEngine } from './stub-engine.js'
import { type Tally, tallyRun } from './tally.js'

/** What the six stages did. */
export interface StagesRun {
  readonly count: number
  readonly seconds: number
  readonly perSecond: number
  readonly latencyMs: Percentiles | null
  readonly rssMiB: number
  /** Processor time of the engine's thread for each notification, in microseconds; null where the system does not
   *  tell. What collecting garbage takes beside it, in threads of V8's own, is not in it. */
  readonly threadMicros: number | null
  readonly tally: Tally
}

export interface Percentiles {
  readonly p50: number
  readonly p95: number
  readonly p99: number
}

const batch = 1000

export function drain(count: number): Promise<StagesRun> {
  return inFolder(async (folder, keep) => {
    const bench = await openStubEngine(folder)
    const accepted = await layBacklog(bench, count)
    const memory = watchMemory()
    const bar = progressBar('six stages', count)
    const threadMs = await bench.stub.threadTimeMs()
    const startedMs = monotonicMs()
    await bench.stub.begin()
    const endedMs = await allRecorded(bench.databaseFile, count, bar.update.bind(bar))
    const threadMicros = perNotification(threadMs, await bench.stub.threadTimeMs(), count)
    const rssMiB = memory.stop()
    bar.stop()
    const report = await bench.stub.report()
    await bench.close()
    const tally = tallyRun(bench.databaseFile, accepted, report)
    if (tally.lost > 0 || tally.duplicates > 0) keep()
    const seconds = (endedMs - startedMs) / 1000
    return {
      count,
      seconds,
      perSecond: count / seconds,
      latencyMs: null,
      rssMiB,
      threadMicros,
      tally,
    }
  })
}

/** In microseconds. */
export function perNotification(fromMs: number | null, toMs: number | null, count: number): number | null {
  return fromMs === null || toMs === null ? null : ((toMs - fromMs) * 1000) / count
}

/** Accepts `count` notifications in batches; returns their ids. */
export async function layBacklog(
  { engine }: StubEngine,
  count: number,
  priority: 'normal' | 'low' = 'normal',
): Promise<string[]> {
  const accepted: string[] = []
  const bar = progressBar('accepting', count)
  while (accepted.length < count) {
    const notifications = makeNotifications(accepted.length, Math.min(batch, count - accepted.length), priority)
    await engine.accept({ notifications, claim: null })
    for (const { id } of notifications) accepted.push(id)
    bar.update(accepted.length)
  }
  bar.stop()
  return accepted
}
