/** Priority: high ones, one after another, while a backlog of low ones is worked off. */
import { layBacklog, type Percentiles } from './drain.js'
import { monotonicMs } from './monotonic-clock.js'
import { deliveryKey, makeNotifications } from './notifications.js'
import { progressBar } from './progress.js'
import { latencyHistogram, percentiles, recordMs } from './rate.js'
import { inFolder } from './run-folder.js'
import { openStubEngine } from './stub-engine.js'

export interface PriorityRun {
  readonly backlog: number
  readonly sent: number
  /** From the request to accept until the provider is called. */
  readonly latencyMs: Percentiles & { readonly max: number }
  /** Low ones that the provider had not got when the last high one was through. At 0 the run shows nothing. */
  readonly backlogLeft: number
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
    for (let number = 0; number < sent; number++) {
      const notifications = makeNotifications(backlog + number, 1, 'high')
      const startedMs = monotonicMs()
      await bench.engine.accept({ notifications, claim: null })
      const calledMs = await bench.stub.called(deliveryKey(notifications[0]?.id ?? ''))
      recordMs(histogram, calledMs - startedMs)
      bar.update(number + 1)
    }
    bar.stop()
    const backlogLeft = backlog + sent - (await bench.stub.sent())
    await bench.close()
    const max = Math.round(histogram.maxValue / 100) / 10
    return { backlog, sent, latencyMs: { ...percentiles(histogram), max }, backlogLeft }
  })
}
