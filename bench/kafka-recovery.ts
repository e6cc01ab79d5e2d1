/** How long a stage stands still when its process is killed: from the kill until a process started at once in its place
 *  has acked a record. */
import { setTimeout as delay } from 'node:timers/promises'
import { type StageName, stageNames } from '../stages/stage.js'
import { type KafkaCarillon, withKafkaCarillon } from './kafka-carillon.js'
import { appendSteadily } from './kafka-scenarios.js'
import { acked, type StageProcess } from './kafka-stage-process.js'
import { monotonicMs } from './latency.js'

export interface Recovery {
  readonly stage: StageName
  readonly withSlot: StandStill
  readonly withoutSlot: StandStill
}

/** Counted from the kill. */
export interface StandStill {
  /** Until the new process was up and began to join its group: Node, modules and the topics' check. */
  readonly readyMs: number
  /** Until it had acked a record. */
  readonly firstMs: number
}

/** Records a second for the stages to work on meanwhile. */
const ratePerSecond = 200
/** Before the first kill, and between two. */
const settleMs = 2000
/** Far more than a recovery takes. */
const loadMostSeconds = 300

export async function recoveries(stages: readonly StageName[] = stageNames): Promise<readonly Recovery[]> {
  const withSlot = await killEach(stages, 0)
  const without = await killEach(stages, null)
  return stages.flatMap((stage) => {
    const [own, any] = [withSlot.get(stage), without.get(stage)]
    return own && any ? [{ stage, withSlot: own, withoutSlot: any }] : []
  })
}

function killEach(stages: readonly StageName[], slot: number | null): Promise<ReadonlyMap<StageName, StandStill>> {
  return withKafkaCarillon({}, async (carillon) => {
    const running = new Map<StageName, StageProcess>()
    for (const name of stageNames) running.set(name, await carillon.start(name, slot))
    let over = false
    const load = loadUntil(carillon, () => over)
    const took = new Map<StageName, StandStill>()
    try {
      await Promise.all([...running].map(([name, process]) => acked(process, name)))
      for (const name of stages) {
        await delay(settleMs)
        took.set(name, await killOne(carillon, running.get(name), slot, name))
      }
      return took
    } finally {
      over = true
      await load
    }
  })
}

async function killOne(
  carillon: KafkaCarillon,
  victim: StageProcess | undefined,
  slot: number | null,
  name: StageName,
): Promise<StandStill> {
  if (!victim) throw new Error(`${name} does not run`)
  const killedMs = monotonicMs()
  await victim.kill()
  const next = await carillon.start(name, slot)
  const readyMs = Math.round(monotonicMs() - killedMs)
  return { readyMs, firstMs: Math.round((await acked(next, name)) - killedMs) }
}

async function loadUntil(carillon: KafkaCarillon, isOver: () => boolean): Promise<void> {
  for (let second = 0; second < loadMostSeconds && !isOver(); second++) await appendSteadily(carillon, ratePerSecond, 1)
}
