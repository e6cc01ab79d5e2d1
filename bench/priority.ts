/** Priority: high ones, one after another, behind a backlog of low ones that is filled up again as it is worked off. */
import { layBacklog, type Percentiles } from './drain.js'
import { monotonicMs } from './monotonic-clock.js'
import { deliveryKey, makeNotifications } from './notifications.js'
import { progressBar } from './progress.js'
import { latencyHistogram, percentiles, recordMs } from './rate.js'
import { inFolder } from './run-folder.js'
import { openStubEngine, type StubEngine } from './stub-engine.js'

export interface PriorityRun {
  readonly backlog: number
  readonly sent: number
  /** From the request to accept until the provider is called. */
  readonly latencyMs: Percentiles & { readonly max: number }
  /** Low ones accepted in all. */
  readonly lowAccepted: number
}

const sent = 100

export function priority(backlog: number): Promise<PriorityRun> {
  return inFolder(async (folder) => {
    const bench = await openStubEngine(folder)
    const low = await layBacklog(bench, backlog, 'low')
    await bench.stub.begin()
    // The first low one through shows that the stages are at work on the backlog.
    await bench.stub.called(deliveryKey(low[0] ?? ''))
    const histogram = latencyHistogram()
    const bar = progressBar('high', sent)
    let lowAccepted = backlog
    for (let number = 0; number < sent; number++) {
      const workedOff = (await bench.stub.sent()) - number
      lowAccepted += (await layBacklog(bench, backlog + workedOff - lowAccepted, 'low')).length
      recordMs(histogram, await sendOne(bench, lowAccepted + number))
      bar.update(number + 1)
    }
    bar.stop()
    await bench.close()
    const max = Math.round(histogram.maxValue / 100) / 10
    return { backlog, sent, latencyMs: { ...percentiles(histogram), max }, lowAccepted }
  })
}

/** Milliseconds from the request to accept until the provider is called. */
async function sendOne({ engine, stub }: StubEngine, number: number): Promise<number> {
  const notifications = makeNotifications(number, 1, 'high')
  const startedMs = monotonicMs()
  await engine.accept({ notifications, claim: null })
  return (await stub.called(deliveryKey(notifications[0]?.id ?? ''))) - startedMs
}
