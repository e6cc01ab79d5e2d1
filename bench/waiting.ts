/** Memory and start with very much waiting: a limit lets next to nothing through, so that all of it is stored. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { Database } from '../pipeline/logs/sqlite/database.js'
import { type CarillonProcess, startCarillon } from './carillon-process.js'
import { monotonicMs } from './monotonic-clock.js'
import { progressBar } from './progress.js'
import { watchMemory } from './resident-memory.js'
import { inFolder } from './run-folder.js'
import { idsOn } from './tally.js'

export interface WaitingRun {
  readonly waiting: number
  /** Of these, those that have come as far as throttle and wait there; the others wait in the topics before. */
  readonly inThrottle: number
  /** The highest while they came in and were worked off up to throttle, where they wait. */
  readonly rssMiB: number
  /** Accepted over HTTP in batches, one after another. */
  readonly acceptedPerSecond: number
  /** From the start of a process on what is stored until it is ready. */
  readonly readyMs: number
  /** Of that process, over its first seconds. */
  readonly rssAfterStartMiB: number
  /** Accepted, and not in the file after all that; and ids that are there more than once. */
  readonly lost: number
  readonly duplicates: number
}

const batch = 1000
const config = 'limits:\n  inapp:\n    ratePerSecond: 0.01\n'
const lookEveryMs = 500
/** Stages that settle nothing for so long have all they can get through. */
const patienceMs = 10_000
const settleMs = 5000

const flow = z.looseObject({ stages: z.array(z.looseObject({ stage: z.string(), processed: z.number() })) })

export function waiting(count: number): Promise<WaitingRun> {
  return inFolder(async (folder) => {
    const file = join(folder, 'carillon.yaml')
    writeFileSync(file, config)
    const data = join(folder, 'data')
    const start = () => startCarillon(data, { CARILLON_LOG_LEVEL: 'error', CARILLON_CONFIG: file })
    const filled = await whileRunning(await start(), (carillon) => fill(carillon, count))
    const restarted = await whileRunning(await start(), async ({ pid, readyMs }) => {
      const memory = watchMemory(pid)
      await delay(settleMs)
      return { readyMs, rssAfterStartMiB: memory.stop() }
    })
    return { waiting: count, ...filled, ...restarted, ...stored(join(data, 'carillon.db'), count) }
  })
}

/** What of `count` is in the file. */
function stored(databaseFile: string, count: number) {
  const database = new Database(databaseFile)
  try {
    const ids = [...idsOn(database, 'notifications.requested')]
    const distinct = new Set(ids).size
    return { lost: Math.max(0, count - distinct), duplicates: ids.length - distinct }
  } finally {
    database.close()
  }
}

async function whileRunning<T>(carillon: CarillonProcess, work: (carillon: CarillonProcess) => Promise<T>): Promise<T> {
  try {
    return await work(carillon)
  } finally {
    await carillon.stop()
  }
}

async function fill({ address, pid }: CarillonProcess, count: number) {
  const memory = watchMemory(pid)
  const startedMs = monotonicMs()
  await post(address, count)
  const acceptedPerSecond = (count * 1000) / (monotonicMs() - startedMs)
  const inThrottle = await standStill(address, count)
  return { inThrottle, rssMiB: memory.stop(), acceptedPerSecond }
}

async function post(address: string, count: number): Promise<void> {
  const bar = progressBar('accepting', count)
  for (let accepted = 0; accepted < count; accepted += batch) {
    const notifications = Array.from({ length: Math.min(batch, count - accepted) }, (_, index) => ({
      to: `user-${accepted + index}`,
      content: { body: `Hello ${accepted + index}, your order is on its way.` },
    }))
    const answer = await fetch(`${address}/v1/notifications/batch`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ notifications }),
    })
    await answer.arrayBuffer()
    if (answer.status !== 202) throw new Error(`A batch was answered with ${answer.status}`)
    bar.update(accepted + notifications.length)
  }
  bar.stop()
}

/** Resolves with what throttle has taken when that is all, or nothing moves any more. */
async function standStill(address: string, count: number): Promise<number> {
  const bar = progressBar('throttle', count)
  let taken = 0
  let movedMs = monotonicMs()
  let moved = 0
  while (taken < count && monotonicMs() - movedMs < patienceMs) {
    await delay(lookEveryMs)
    const { stages } = flow.parse(await (await fetch(`${address}/v1/flow`)).json())
    taken = stages.find(({ stage }) => stage === 'throttle')?.processed ?? 0
    const now = stages.reduce((sum, { processed }) => sum + processed, 0)
    if (now > moved) movedMs = monotonicMs()
    moved = now
    bar.update(Math.min(count, taken))
  }
  bar.stop()
  return taken
}
