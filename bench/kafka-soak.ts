/** Memory over time: a steady rate through six processes, and how much each holds. */
import { setTimeout as delay } from 'node:timers/promises'
import { stageNames } from '../stages/stage.js'
import { type KafkaCarillon, type KafkaSetUp, withKafkaCarillon } from './kafka-carillon.js'
import { tallyKafka } from './kafka-tally.js'
import { makeNotifications } from './notifications.js'
import { allEnded } from './recorded.js'
import { residentMiB } from './resident-memory.js'
import type { Tally } from './tally.js'

export interface SoakOptions extends KafkaSetUp {
  readonly ratePerSecond: number
  readonly seconds: number
  /** Told each sample. */
  readonly sampled: (atSeconds: number, residentMiB: Readonly<Record<string, number>>) => void
}

/** Of one process, in MiB. */
export interface SoakUse {
  /** At the end of the first third: what came before is the filling of caches. */
  readonly settled: number
  readonly last: number
  readonly highest: number
}

const sampleMs = 10_000
const appendEveryMs = 20

export interface SoakRun {
  readonly uses: Readonly<Record<string, SoakUse>>
  readonly tally: Tally
}

export function kafkaSoak(options: SoakOptions): Promise<SoakRun> {
  const { ratePerSecond, seconds, sampled, ...setUp } = options
  return withKafkaCarillon(setUp, async (carillon, keep) => {
    const running = await Promise.all(stageNames.map((name) => carillon.start(name)))
    const startedMs = performance.now()
    const samples: Record<string, number>[] = []
    const timer = setInterval(
      () => {
        const sample = Object.fromEntries(running.map(({ runs, pid }) => [runs, residentMiB(pid)]))
        samples.push(sample)
        sampled(Math.round((performance.now() - startedMs) / 1000), sample)
      },
      Math.min(sampleMs, (seconds * 1000) / 4),
    )
    const accepted = await appendSteadily(carillon, ratePerSecond, seconds).finally(() => clearInterval(timer))
    await allEnded(carillon.ended, accepted.length, () => undefined)
    await carillon.stop()
    const expected = { accepted, probes: [] }
    const tally = await tallyKafka(carillon.kafka, expected, carillon.reports, await carillon.ended.ids())
    if (tally.lost > 0 || tally.duplicates > 0) keep()
    const uses = stageNames.map((name) => [name, useOf(samples.map((sample) => sample[name] ?? 0))] as const)
    return { uses: Object.fromEntries(uses), tally }
  })
}

function useOf(sizes: readonly number[]): SoakUse {
  return {
    settled: sizes[Math.floor(sizes.length / 3)] ?? 0,
    last: sizes.at(-1) ?? 0,
    highest: Math.max(0, ...sizes),
  }
}

/** One append at a time: should Kafka be slower than the rate, less is written. Returns the ids. */
export async function appendSteadily(
  carillon: Pick<KafkaCarillon, 'append'>,
  ratePerSecond: number,
  seconds: number,
): Promise<string[]> {
  const ids: string[] = []
  const startedMs = performance.now()
  for (let sent = 0; performance.now() - startedMs < seconds * 1000; ) {
    const due = Math.floor(((performance.now() - startedMs) / 1000) * ratePerSecond)
    if (due > sent) {
      const notifications = makeNotifications(sent, due - sent)
      await carillon.append(notifications)
      for (const { id } of notifications) ids.push(id)
    }
    sent = Math.max(sent, due)
    await delay(appendEveryMs)
  }
  return ids
}
