/** Priority: high ones, one after another, behind a backlog of low ones that is filled up again as it is worked off. */
import { layBacklog } from './drain.js'
import { type Percentiles, percentilesOf } from './latency.js'
import { monotonicMs } from './monotonic-clock.js'
import { deliveryKey, makeNotifications } from './notifications.js'
import { progressBar } from './progress.js'
import { allRecorded } from './recorded.js'
import { inFolder } from './run-folder.js'
import { openStubEngine, type StubEngine } from './stub-engine.js'
import { type Tally, tallyRun } from './tally.js'

export interface PriorityRun {
  readonly backlog: number
  readonly sent: number
  /** From the request to accept until the provider is called. */
  readonly latencyMs: Percentiles & { readonly max: number }
  /** Low ones accepted in all. */
  readonly lowAccepted: number
  readonly tally: Tally
}

const sent = 100
const warmUp = 2000

export function priority(backlog: number): Promise<PriorityRun> {
  return inFolder(async (folder, keep) => {
    const bench = await openStubEngine(folder, { warmUp })
    const low = await layBacklog(bench, backlog, 'low')
    await bench.stub.begin()
    // The first low one through shows that the stages are at work on the backlog.
    await bench.stub.called(deliveryKey(low[0] ?? ''))
    const high: { readonly id: string; readonly tookMs: number }[] = []
    const bar = progressBar('high', sent)
    for (let number = 0; number < sent; number++) {
      const workedOff = (await bench.stub.sent()) - number
      low.push(...(await layBacklog(bench, backlog + workedOff - low.length, 'low')))
      high.push(await sendOne(bench, low.length + number))
      bar.update(number + 1)
    }
    bar.stop()
    const accepted = [...low, ...high.map(({ id }) => id)]
    await allRecorded(bench.databaseFile, accepted.length, () => undefined)
    const report = await bench.stub.report()
    await bench.close()
    const tally = tallyRun(bench.databaseFile, accepted, report)
    if (tally.lost > 0 || tally.duplicates > 0) keep()
    const latencyMs = percentilesOf(high.map(({ tookMs }) => tookMs))
    return { backlog, sent, latencyMs, lowAccepted: low.length, tally }
  })
}

/** `tookMs`: from the request to accept until the provider is called. */
async function sendOne({ engine, stub }: StubEngine, number: number) {
  const notifications = makeNotifications(number, 1, 'high')
  const id = notifications[0]?.id ?? ''
  const startedMs = monotonicMs()
  await engine.accept({ notifications, claim: null })
  return { id, tookMs: (await stub.called(deliveryKey(id))) - startedMs }
}
