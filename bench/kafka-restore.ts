/** A stage's process begins without its local state, and rebuilds it from the changelog: how long that takes. */
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Database } from '../pipeline/logs/sqlite/database.js'
import { metricList } from '../pipeline/observe/metrics/list.js'
import { requested, routed } from '../schemas/outgoing.js'
import { type KafkaCarillon, withKafkaCarillon } from './kafka-carillon.js'
import { layBacklog } from './kafka-drain.js'
import { begun } from './kafka-probes.js'
import { deliveryOf } from './kafka-scaling.js'
import { metricOf, type StageProcess } from './kafka-stage-process.js'
import { readTopic } from './kafka-tally.js'
import { monotonicMs } from './monotonic-clock.js'
import { makeNotifications } from './notifications.js'
import { idOf, type Tally, tallyOf } from './tally.js'

/** Stages whose state can be filled by so many notifications. */
export const restoredStages = ['dedupe', 'throttle'] as const
export type RestoredStage = (typeof restoredStages)[number]

export interface RestoreRun {
  /** In the local state, and so in the changelog. */
  readonly entries: number
  /** A start with the local state as the last process left it. */
  readonly kept: Start
  /** A start without. */
  readonly restored: Start
  readonly lost: number
  readonly duplicates: number
}

/** Counted from the start of the process: Node and the topics' check are in it. */
export interface Start {
  /** Until it answers, and joins its group. */
  readonly readyMs: number
  /** Until it had settled its first record, of any partition. */
  readonly firstMs: number
  /** Until it had settled what waited in all partitions. */
  readonly allMs: number
}

/** Wait for the process as it starts: enough for every partition. */
const fresh = 200
/** Of what is known already so many are sent again to dedupe: they must be dropped. */
const twins = 100
const hourMs = 3_600_000
const batch = 1000
const lookEveryMs = 20
/** A stage that settles nothing for so long is given up. */
const patienceMs = 60_000

export function kafkaRestore(stage: RestoredStage, count: number): Promise<RestoreRun> {
  return withKafkaCarillon({}, async (carillon, keep) => {
    const filling = await carillon.start(stage)
    const filler = stage === 'dedupe' ? fillClaims : fillParked
    const { ids, again } = await filler(carillon, count)
    await settledAll(filling, stage, count)
    await carillon.stop([filling])
    const first = await startOnIt(carillon, stage, again)
    const before = stateKeys(carillon, stage)
    rmSync(stateFolder(carillon, stage), { recursive: true })
    const second = await startOnIt(carillon, stage, again)
    const after = stateKeys(carillon, stage)
    const passed = [...first.ids, ...second.ids, ...(stage === 'dedupe' ? ids : [])]
    const tally = await passedOn(carillon, stage, passed)
    const forgotten = [...before].filter((key) => !after.has(key)).length
    const lost = tally.lost + forgotten
    if (lost > 0 || tally.duplicates > 0) keep()
    return { entries: before.size, kept: first.took, restored: second.took, lost, duplicates: tally.duplicates }
  })
}

/** What a process finds as it starts: `again`, and fresh ones, whose ids are returned. */
async function startOnIt(carillon: KafkaCarillon, stage: RestoredStage, again: () => Promise<number>) {
  const requests = makeNotifications(0, fresh)
  const { codec, log } = carillon
  await log.append(
    requests.map((request) =>
      codec.encode(stage === 'dedupe' ? requested(request) : routed(deliveryOf(request)), request.acceptedAtMs),
    ),
  )
  const waits = fresh + (await again())
  const startedMs = monotonicMs()
  const since = () => Math.round(monotonicMs() - startedMs)
  const process = await carillon.start(stage)
  const readyMs = since()
  const firstMs = Math.round((await begun(process, stage)) - startedMs)
  await settledAll(process, stage, waits)
  const took: Start = { readyMs, firstMs, allMs: since() }
  await carillon.stop([process])
  return { took, ids: requests.map(({ id }) => id) }
}

/** Claims: a notification for each. */
async function fillClaims(carillon: KafkaCarillon, count: number) {
  const { append } = carillon
  const known = makeNotifications(0, Math.min(twins, count))
  await append(known)
  const others = await layBacklog(carillon, count - known.length)
  return {
    ids: [...known.map(({ id }) => id), ...others],
    again: async () => {
      await append(known)
      return known.length
    },
  }
}

/** Deliveries that are due in an hour. */
async function fillParked({ log, codec }: KafkaCarillon, count: number) {
  const dueMs = Date.now() + hourMs
  for (let first = 0; first < count; first += batch) {
    const requests = makeNotifications(first, Math.min(batch, count - first))
    const deliveries = requests.map((request) => ({ ...deliveryOf(request), notBeforeMs: dueMs, dueAtMs: dueMs }))
    await log.append(deliveries.map((delivery) => codec.encode(routed(delivery), delivery.acceptedAtMs)))
  }
  return { ids: [], again: async () => 0 }
}

async function settledAll(process: StageProcess, stage: RestoredStage, count: number): Promise<void> {
  let settled = 0
  let movedMs = monotonicMs()
  while (settled < count) {
    const now = await metricOf(process, metricList.consumed.name, stage)
    if (now > settled) movedMs = monotonicMs()
    settled = now
    if (monotonicMs() - movedMs > patienceMs) throw new Error(`${stage} settled ${settled} of ${count}`)
    await delay(lookEveryMs)
  }
}

function stateFolder({ config }: KafkaCarillon, stage: RestoredStage): string {
  return join(config.dataFolder, `${stage}-slot-0`)
}

/** Every key of its local state, with its lane and partition. */
function stateKeys(carillon: KafkaCarillon, stage: RestoredStage): ReadonlySet<string> {
  const folder = join(stateFolder(carillon, stage), stage)
  const keys = new Set<string>()
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.db'))) {
    const database = new Database(join(folder, file), { readOnly: true })
    for (const row of database.prepare('SELECT key FROM state').iterate())
      keys.add(`${file} ${(row as { key: string }).key}`)
    database.close()
  }
  return keys
}

/** Whether the topic behind holds `ids`, and no others. */
async function passedOn({ kafka }: KafkaCarillon, stage: RestoredStage, ids: readonly string[]): Promise<Tally> {
  const topic = stage === 'dedupe' ? 'notifications.accepted' : 'deliveries.released'
  const found: string[] = []
  await readTopic(kafka, topic, (event) => found.push(idOf(event)))
  const tally = tallyOf(ids)
  tally.count(topic, found)
  return tally.total()
}
