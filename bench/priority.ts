/** Priority: high ones, one after another, behind a backlog of low ones that is filled up again as it is worked off. */
import { onEmbedded } from './embedded-subject.js'
import { monotonicMs, percentilesOf } from './latency.js'
import { deliveryKey } from './notifications.js'
import { progressBar } from './run.js'
import { count, scenario } from './scenario.js'

const sent = 100

export const priority = scenario({
  name: 'priority',
  says: '100 high ones behind a backlog of low ones',
  takes: { count },
  takesSeconds: { sqlite: 90 },
  run: (_, { count: backlog }) =>
    onEmbedded({ waits: true }, async (subject) => {
      const { stub } = subject
      const low = await subject.lay(backlog, 'low')
      await subject.begin()
      // The first low one through shows that the stages are at work on the backlog.
      await stub.called(deliveryKey(low[0] ?? ''))
      const high: string[] = []
      const tookMs: number[] = []
      const bar = progressBar('high', sent)
      while (high.length < sent) {
        const workedOff = (await stub.sent()) - high.length
        low.push(...(await subject.lay(backlog + workedOff - low.length, 'low')))
        // From the request to accept until the provider is called.
        const startedMs = monotonicMs()
        const id = await subject.send(low.length + high.length, 'sms', 'high')
        tookMs.push((await stub.called(deliveryKey(id))) - startedMs)
        high.push(id)
        bar.update(high.length)
      }
      bar.stop()
      await subject.ended(low.length + sent)
      const { tally } = await subject.finish([...low, ...high])
      const { lost, duplicates } = tally
      const latencyMs = percentilesOf(tookMs)
      const { p50, p95, p99, max } = latencyMs
      return {
        result: { backlog, sent, latencyMs, lowAccepted: low.length, lost, duplicates },
        summary: [
          `${sent} high ones behind ${backlog} low ones, from accept to provider in ms:`,
          `p50 ${p50}, p95 ${p95}, p99 ${p99}, max ${max}; ${low.length} low ones were accepted in all`,
        ],
        tally,
      }
    }),
})
