/** Latency at a steady rate. Arrivals are open-loop: each has its time, whatever became of those before it, and latency
 *  counts from that time, so neither a slow pipeline nor a late sender hides any. */
import { setTimeout as delay } from 'node:timers/promises'
import { build, type Histogram } from 'hdr-histogram-js'
import { type Percentiles, perNotification, type StagesRun } from './drain.js'
import { monotonicMs } from './monotonic-clock.js'
import { deliveryKey, makeNotifications } from './notifications.js'
import { progressBar } from './progress.js'
import { allRecorded } from './recorded.js'
import { watchMemory } from './resident-memory.js'
import { inFolder } from './run-folder.js'
import { openStubEngine, type StubEngine } from './stub-engine.js'
import { tallyRun } from './tally.js'

/** Sent before what is measured, at the same rate. */
export const warmUpSeconds = 3
/** The highest latency that is told apart, one hour in microseconds. */
const highestMicros = 3_600_000_000

/** One notification, and when it was to be sent. */
export interface Arrival {
  readonly id: string
  readonly intendedMs: number
}

export function steadyRate(ratePerSecond: number, seconds: number): Promise<StagesRun> {
  return inFolder(async (folder, keep) => {
    const bench = await openStubEngine(folder)
    await bench.stub.begin()
    const memory = watchMemory()
    const warmUp = Math.round(ratePerSecond * Math.min(warmUpSeconds, seconds))
    const count = Math.max(1, Math.round(ratePerSecond * seconds))
    const threadMs = await bench.stub.threadTimeMs()
    const arrivals = await send(bench, ratePerSecond, warmUp + count)
    const endedMs = await allRecorded(bench.databaseFile, arrivals.length, () => undefined)
    const threadMicros = perNotification(threadMs, await bench.stub.threadTimeMs(), arrivals.length)
    const rssMiB = memory.stop()
    const report = await bench.stub.report()
    await bench.close()
    const ids = arrivals.map(({ id }) => id)
    const tally = tallyRun(bench.databaseFile, ids, report)
    if (tally.lost > 0 || tally.duplicates > 0) keep()
    const measured = arrivals.slice(warmUp)
    const took = (endedMs - (measured[0]?.intendedMs ?? endedMs)) / 1000
    return {
      count,
      seconds: took,
      perSecond: count / took,
      latencyMs: latencies(measured, report.firstAtMs),
      rssMiB,
      threadMicros,
      tally,
    }
  })
}

/** Resolves when all are accepted; rejects with the first that was not. */
async function send({ engine }: StubEngine, ratePerSecond: number, total: number): Promise<Arrival[]> {
  const arrivals: Arrival[] = []
  const acceptances: Promise<unknown>[] = []
  const bar = progressBar('sending', total)
  const startMs = monotonicMs()
  while (arrivals.length < total) {
    const intendedMs = startMs + (arrivals.length * 1000) / ratePerSecond
    if (intendedMs > monotonicMs()) {
      await delay(1)
      continue
    }
    const notifications = makeNotifications(arrivals.length, 1)
    for (const { id } of notifications) arrivals.push({ id, intendedMs })
    acceptances.push(engine.accept({ notifications, claim: null }))
    bar.update(arrivals.length)
  }
  await Promise.all(acceptances)
  bar.stop()
  return arrivals
}

/** Of those that came to the provider; those that did not are lost, and counted there. */
export function latencies(arrivals: readonly Arrival[], calledAtMs: ReadonlyMap<string, number>): Percentiles {
  const histogram = latencyHistogram()
  for (const { id, intendedMs } of arrivals) {
    const atMs = calledAtMs.get(deliveryKey(id))
    if (atMs !== undefined) recordMs(histogram, atMs - intendedMs)
  }
  return percentiles(histogram)
}

/** In microseconds, to three digits. */
export function latencyHistogram(): Histogram {
  return build({ highestTrackableValue: highestMicros, numberOfSignificantValueDigits: 3 })
}

export function recordMs(histogram: Histogram, ms: number): void {
  histogram.recordValue(Math.max(1, Math.round(ms * 1000)))
}

/** In milliseconds, to a tenth. */
export function percentiles(histogram: Histogram): Percentiles {
  const at = (percentile: number) => Math.round(histogram.getValueAtPercentile(percentile) / 100) / 10
  return { p50: at(50), p95: at(95), p99: at(99) }
}
