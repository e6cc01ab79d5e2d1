/** Throughput: a backlog is laid, then the six stages work it off, from requested to recorded. */
import type { Percentiles } from './latency.js'
import { monotonicMs } from './monotonic-clock.js'
import { makeNotifications } from './notifications.js'
import { progressBar } from './progress.js'
import { allRecorded } from './recorded.js'
import { watchMemory } from './resident-memory.js'
import { inFolder } from './run-folder.js'
import { openStubEngine, type StubEngine } from './stub-engine.js'
import type { CpuMicros } from './subject.js'
import { type Tally, tallyRun } from './tally.js'

/** What the six stages did. */
export interface StagesRun {
  readonly count: number
  readonly seconds: number
  readonly perSecond: number
  readonly latencyMs: Percentiles | null
  readonly rssMiB: number
  /** Processor time for each notification, by thread or process. */
  readonly cpuMicros: CpuMicros
  readonly tally: Tally
}

export interface DrainOptions {
  readonly count: number
  /** A file for a profile of the engine's thread. */
  readonly profile?: string | undefined
}

/** Shares of the engine's thread by part of the pipeline, where a profile was asked for. */
export type DrainRun = StagesRun & { readonly shares: Readonly<Record<string, number>> }

const batch = 1000
/** Through another engine in the same thread before it counts: as many compile what is hot. */
const warmUpMost = 5000

export function drain({ count, profile }: DrainOptions): Promise<DrainRun> {
  return inFolder(async (folder, keep) => {
    const bench = await openStubEngine(folder, { warmUp: Math.min(count, warmUpMost), profile })
    const accepted = await layBacklog(bench, count)
    const memory = watchMemory()
    const bar = progressBar('six stages', count)
    const threadMs = await bench.stub.threadTimeMs()
    const startedMs = monotonicMs()
    await bench.stub.begin()
    const endedMs = await allRecorded(bench.databaseFile, count, bar.update.bind(bar))
    const engine = perNotification(threadMs, await bench.stub.threadTimeMs(), count)
    const rssMiB = memory.stop()
    bar.stop()
    const shares = profile === undefined ? {} : await bench.stub.writeProfile()
    const report = await bench.stub.report()
    await bench.close()
    const tally = tallyRun(bench.databaseFile, accepted, report)
    if (tally.lost > 0 || tally.duplicates > 0) keep()
    const seconds = (endedMs - startedMs) / 1000
    const cpuMicros = engine === null ? {} : { engine }
    return { count, seconds, perSecond: count / seconds, latencyMs: null, rssMiB, cpuMicros, tally, shares }
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
