/** Memory over time: a steady rate through six processes, and how much each holds. */
import { setTimeout as delay } from 'node:timers/promises'
import { stageNames } from '../stages/stage.js'
import { type KafkaCarillon, withKafkaCarillon } from './kafka-carillon.js'
import { makeNotifications } from './notifications.js'
import { residentMiB } from './process-use.js'
import { allEnded } from './recorded.js'
import { rate, scenario, seconds } from './scenario.js'

const sampleMs = 10_000
const appendEveryMs = 20

export const soak = scenario({
  name: 'soak',
  says: 'memory of each process over time, at a rate',
  takes: { rate: { ...rate, usual: 500 }, seconds: { ...seconds, usual: 60, most: 86_400 } },
  words: ['profile'],
  takesSeconds: { kafka: 90 },
  run: (_, { rate: ratePerSecond, seconds }, { profile, tell }) =>
    withKafkaCarillon({ profile }, async (carillon) => {
      const running = await Promise.all(stageNames.map((name) => carillon.start(name)))
      const startedMs = performance.now()
      const samples: Record<string, number>[] = []
      const take = () => {
        const sample = Object.fromEntries(running.map(({ runs, pid }) => [runs, residentMiB(pid)]))
        samples.push(sample)
        const atSeconds = Math.round((performance.now() - startedMs) / 1000)
        const each = Object.entries(sample).map(([name, size]) => `${name} ${size}`)
        tell?.(`${String(atSeconds).padStart(5)} s, MiB: ${each.join(', ')}`)
      }
      const timer = setInterval(take, Math.min(sampleMs, (seconds * 1000) / 4))
      const accepted = await appendSteadily(carillon, ratePerSecond, seconds).finally(() => clearInterval(timer))
      await allEnded(carillon.ended, accepted.length)
      const tally = await carillon.tally({ accepted })
      const uses = stageNames.map((name) => [name, useOf(samples.map((sample) => sample[name] ?? 0))] as const)
      const rssMiB = Math.max(...uses.map(([, { highest }]) => highest))
      return {
        result: { rssMiB, processes: Object.fromEntries(uses), lost: tally.lost, duplicates: tally.duplicates },
        summary: uses.map(
          ([name, { settled, last, highest }]) =>
            `${name.padEnd(24)} ${settled} MiB after a third, ${last} at the end, ${highest} at most`,
        ),
        tally,
      }
    }),
})

/** Of one process, in MiB. `settled`: at the end of the first third: what came before is the filling of caches. */
function useOf(sizes: readonly number[]) {
  const settled = sizes[Math.floor(sizes.length / 3)] ?? 0
  return { settled, last: sizes.at(-1) ?? 0, highest: Math.max(0, ...sizes) }
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
