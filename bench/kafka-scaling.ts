/** How far deliver scales: one process, then two, then four, each with a slow provider and few calls at once, work off
 *  a backlog of released deliveries. */
import { setTimeout as delay } from 'node:timers/promises'
import { released } from '../schemas/outgoing.js'
import { deliveryOf } from './bare-hops.js'
import { type KafkaCarillon, withKafkaCarillon } from './kafka-carillon.js'
import { makeNotifications } from './notifications.js'
import { rounded, scenario, seconds } from './scenario.js'

const processCounts = [1, 2, 4]
const answersAfterMs = 50
const concurrency = 8
/** Not measured: connections, caches, and the first partitions at work. */
const warmUpMs = 2000
const startMostMs = 30_000
/** A process can do no more. */
const mostPerSecond = (concurrency * 1000) / answersAfterMs
/** So many seconds of work for every partition, however unevenly keys fall. */
const spareSeconds = 30

export const scaling = scenario({
  name: 'scaling',
  says: '1, 2 and 4 processes of deliver with a slow provider',
  takes: { seconds },
  takesSeconds: { kafka: 90 },
  async run(_, { seconds }) {
    const measured: (Awaited<ReturnType<typeof throughputOf>> & { readonly processes: number })[] = []
    for (const processes of processCounts) measured.push({ processes, ...(await throughputOf(processes, seconds)) })
    const one = measured[0]?.perSecond ?? 1
    const steps = measured.map(({ processes, perSecond, duplicates }) => ({
      ...{ processes, duplicates, perSecond: rounded(perSecond, 1), ratio: rounded(perSecond / one, 2) },
    }))
    // Its backlog outlasts it: what was not called yet is not lost.
    const tally = { lost: 0, duplicates: sum(steps.map(({ duplicates }) => duplicates)) }
    return {
      result: { steps, ratioOfFour: steps.at(-1)?.ratio ?? 0, ...tally },
      summary: steps.map(
        ({ processes, perSecond, ratio }) => `${processes} of deliver: ${perSecond} calls/s, ${ratio} times one`,
      ),
      tally,
    }
  },
})

/** `perSecond`: calls over all of them. `duplicates`: calls with a key that was called before, in the same process or
 *  another. */
function throughputOf(processes: number, seconds: number) {
  return withKafkaCarillon({ answersAfterMs, concurrency }, async (carillon) => {
    await layReleased(carillon, Math.ceil(processes * mostPerSecond * (seconds + spareSeconds)))
    const running = await Promise.all(Array.from({ length: processes }, (_, slot) => carillon.start('deliver', slot)))
    const sent = () => Promise.all(running.map(({ calls }) => calls.sent()))
    const startedMs = performance.now()
    while (!(await sent()).every((count) => count > 0)) {
      if (performance.now() - startedMs > startMostMs) throw new Error(`Not all of ${processes} processes got work`)
      await delay(20)
    }
    await delay(warmUpMs)
    const fromMs = performance.now()
    const before = sum(await sent())
    await delay(seconds * 1000)
    const after = sum(await sent())
    const perSecond = ((after - before) * 1000) / (performance.now() - fromMs)
    await carillon.stop()
    const keys = carillon.reports.flatMap(({ firstAtMs }) => [...firstAtMs.keys()])
    const repeats = sum(carillon.reports.map((report) => report.repeats))
    return { perSecond, duplicates: repeats + keys.length - new Set(keys).size }
  })
}

async function layReleased({ write, codec }: KafkaCarillon, count: number): Promise<void> {
  const batch = 1000
  for (let first = 0; first < count; first += batch) {
    const deliveries = makeNotifications(first, Math.min(batch, count - first)).map(deliveryOf)
    await write(deliveries.map((delivery) => codec.encode(released(delivery, Date.now()), delivery.acceptedAtMs)))
  }
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}
