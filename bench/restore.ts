/** Start and memory with very much stored: embedded a limit lets next to nothing through, so that all of it waits. */
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { type CarillonProcess, startCarillon } from './carillon-process.js'
import { post } from './http.js'
import { restoredFromChangelogs } from './kafka-restore.js'
import { monotonicMs } from './latency.js'
import { inPlace } from './place.js'
import { watchMemory } from './process-use.js'
import { countRequested } from './real-carillon.js'
import { progressBar, waitForCount } from './run.js'
import { count, type Measured, rounded, scenario, UnknownOption } from './scenario.js'

const batch = 1000
const settings = { limits: { inapp: { ratePerSecond: 0.01 } } }
const lookEveryMs = 500
/** Stages that ack nothing for so long have all they can get through. */
const patienceMs = 10_000
const settleMs = 5000

const flow = z.looseObject({ stages: z.array(z.looseObject({ stage: z.string(), processed: z.number() })) })

/** A start on what is stored; on Kafka of the stage, or of both whose state can grow large. */
export const restore = scenario({
  name: 'restore',
  says: 'a start on so many stored: on Kafka dedupe and throttle rebuild their state from changelogs of so many entries',
  takes: { count: { ...count, usual: { sqlite: 100_000, kafka: 50_000 } } },
  words: ['stage'],
  takesSeconds: { sqlite: 45, kafka: 120 },
  async run(engine, { count }, { stage }) {
    if (engine === 'kafka') return restoredFromChangelogs(count, stage)
    if (stage !== undefined) throw new UnknownOption('The embedded engine has one file for all stages')
    return restoredEmbedded(count)
  },
})

function restoredEmbedded(count: number): Promise<Measured> {
  return inPlace('sqlite', { settings }, async (place) => {
    const filled = await whileRunning(await startCarillon(place), (carillon) => fill(carillon, count))
    const restarted = await whileRunning(await startCarillon(place), async ({ pid, readyMs }) => {
      const memory = watchMemory(pid)
      await delay(settleMs)
      return { readyMs: rounded(readyMs), rssAfterStartMiB: memory.stop() }
    })
    const tally = await countRequested(place, count)
    const { inThrottle, rssMiB, acceptedPerSecond } = filled
    const { readyMs, rssAfterStartMiB } = restarted
    return {
      result: { waiting: count, ...filled, ...restarted, ...tally },
      summary: [
        `${count} waiting, ${inThrottle} of them in throttle: memory at most ${rssMiB} MiB; accepted at ${acceptedPerSecond}/s`,
        `a start on them is ready after ${readyMs} ms, with ${rssAfterStartMiB} MiB`,
      ],
      tally,
    }
  })
}

async function whileRunning<T>(carillon: CarillonProcess, work: (carillon: CarillonProcess) => Promise<T>): Promise<T> {
  try {
    return await work(carillon)
  } finally {
    await carillon.stop()
  }
}

/** `inThrottle`: of all, those that have come as far as throttle and wait there; the others wait in the topics before.
 *  `rssMiB`: the highest until then. `acceptedPerSecond`: over HTTP in batches, one after another. */
async function fill({ address, pid }: CarillonProcess, count: number) {
  const memory = watchMemory(pid)
  const startedMs = monotonicMs()
  await accept(address, count)
  const acceptedPerSecond = rounded((count * 1000) / (monotonicMs() - startedMs))
  const inThrottle = await standStill(address, count)
  return { inThrottle, rssMiB: memory.stop(), acceptedPerSecond }
}

async function accept(address: string, count: number): Promise<void> {
  const bar = progressBar('accepting', count)
  for (let accepted = 0; accepted < count; accepted += batch) {
    const notifications = Array.from({ length: Math.min(batch, count - accepted) }, (_, index) => ({
      to: `user-${accepted + index}`,
      content: { body: `Hello ${accepted + index}, your order is on its way.` },
    }))
    await post(`${address}/v1/notifications/batch`, { notifications })
    bar.update(accepted + notifications.length)
  }
  bar.stop()
}

/** Resolves with what throttle has taken when that is all, or nothing moves any more. */
async function standStill(address: string, count: number): Promise<number> {
  const bar = progressBar('throttle', count)
  let taken = 0
  const processed = async () => {
    const { stages } = flow.parse(await (await fetch(`${address}/v1/flow`)).json())
    taken = stages.find(({ stage }) => stage === 'throttle')?.processed ?? 0
    bar.update(Math.min(count, taken))
    // What any stage has done is a move; when throttle has all there is nothing to wait for.
    return taken < count ? stages.reduce((sum, stage) => sum + stage.processed, 0) : Number.POSITIVE_INFINITY
  }
  await waitForCount(processed, Number.POSITIVE_INFINITY, { everyMs: lookEveryMs, patienceMs })
  bar.stop()
  return taken
}
