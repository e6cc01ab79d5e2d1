/** Start and memory with very much stored. Embedded a limit lets next to nothing through, so that all of it waits; on
 *  Kafka a process begins without its local state, and rebuilds it from the changelog. */

import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { Database } from '../pipeline/logs/sqlite/database.js'
import { requested, routed } from '../schemas/outgoing.js'
import { deliveryOf } from './bare-hops.js'
import { type CarillonProcess, countRequested, startCarillon } from './carillon-process.js'
import { post } from './http.js'
import { type KafkaCarillon, withKafkaCarillon } from './kafka-carillon.js'
import { acked } from './kafka-stage-process.js'
import { monotonicMs } from './latency.js'
import { layBacklog, makeNotifications } from './notifications.js'
import { inPlace, type Place } from './place.js'
import { watchMemory } from './process-use.js'
import { progressBar, waitForCount } from './run.js'
import { count, type Measured, rounded, scenario, UnknownOption } from './scenario.js'
import { tallyOf } from './tally.js'
import { idsOn } from './topic-events.js'

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

/** Stages whose state can be filled by so many notifications. */
const restoredStages = ['dedupe', 'throttle'] as const
type RestoredStage = (typeof restoredStages)[number]

/** Wait for the process as it starts: enough for every partition. */
const fresh = 200
/** Of what is known already so many are sent again to dedupe: they must be dropped. */
const twins = 100
const hourMs = 3_600_000

/** Of a stage, or of all whose state can grow large. */
export async function restoredFromChangelogs(count: number, stage: string | undefined): Promise<Measured> {
  const stages = restoredStages.filter((one) => stage === undefined || stage === one)
  if (stages.length === 0) throw new UnknownOption(`--stage of restore is one of ${restoredStages.join(', ')}`)
  const figures: Record<string, unknown> = {}
  const summary: string[] = []
  const tally = { lost: 0, duplicates: 0 }
  for (const one of stages) {
    const { lost, duplicates, ...run } = await restoreOf(one, count)
    const { entries, kept, restored: without } = run
    figures[one] = { ...run, restoreMs: without.allMs - kept.allMs }
    tally.lost += lost
    tally.duplicates += duplicates
    summary.push(
      `${one} on ${entries} entries: at work in all partitions after ${without.allMs} ms, ${kept.allMs} with its local state`,
      `  its first record after ${without.firstMs} ms, ${kept.firstMs} with its local state; the process was up after ${without.readyMs}`,
    )
  }
  return { result: { count, ...figures, ...tally }, summary, tally }
}

/** `entries`: in the local state, and so in the changelog. `kept`: a start with the local state as the last process left
 *  it; `restored`: one without. */
function restoreOf(stage: RestoredStage, count: number) {
  return withKafkaCarillon({}, async (carillon) => {
    const { place } = carillon
    const filling = await carillon.start(stage)
    const filler = stage === 'dedupe' ? fillClaims : fillParked
    const { ids, again } = await filler(carillon, count)
    await acked(filling, stage, count)
    await carillon.stop([filling])
    const first = await startOnIt(carillon, stage, again)
    const before = stateKeys(place, stage)
    rmSync(stateFolder(place, stage), { recursive: true })
    const second = await startOnIt(carillon, stage, again)
    const after = stateKeys(place, stage)
    // The topic behind holds what passed, and nothing else.
    const topic = stage === 'dedupe' ? 'notifications.accepted' : 'deliveries.released'
    const tally = tallyOf([...first.ids, ...second.ids, ...(stage === 'dedupe' ? ids : [])])
    tally.count(topic, await idsOn(place, topic))
    const { lost: missing, duplicates } = tally.total()
    const lost = missing + [...before].filter((key) => !after.has(key)).length
    if (lost + duplicates > 0) place.keep()
    return { entries: before.size, kept: first.took, restored: second.took, lost, duplicates }
  })
}

/** What a process finds as it starts: `again`, and fresh ones, whose ids are returned. Times count from the start of the
 *  process, Node and the topics' check included: until it answers, and joins its group; until it had acked its first
 *  record, of any partition; until it had acked what waited in all partitions. */
async function startOnIt(carillon: KafkaCarillon, stage: RestoredStage, again: () => Promise<number>) {
  const requests = makeNotifications(0, fresh)
  const { codec, write } = carillon
  const made = requests.map((request) => {
    const event = stage === 'dedupe' ? requested(request) : routed(deliveryOf(request))
    return codec.encode(event, request.acceptedAtMs)
  })
  await write(made)
  const waits = fresh + (await again())
  const startedMs = monotonicMs()
  const since = (atMs = monotonicMs()) => Math.round(atMs - startedMs)
  const process = await carillon.start(stage)
  const readyMs = since()
  const firstMs = since(await acked(process, stage))
  const allMs = since(await acked(process, stage, waits))
  await carillon.stop([process])
  return { took: { readyMs, firstMs, allMs }, ids: requests.map(({ id }) => id) }
}

/** Claims: a notification for each. */
async function fillClaims(carillon: KafkaCarillon, count: number) {
  const { append } = carillon
  const known = makeNotifications(0, Math.min(twins, count))
  await append(known)
  const others = await layBacklog(count - known.length, append)
  return {
    ids: [...known.map(({ id }) => id), ...others],
    again: async () => {
      await append(known)
      return known.length
    },
  }
}

/** Deliveries that are due in an hour. */
async function fillParked({ write, codec }: KafkaCarillon, count: number) {
  const dueMs = Date.now() + hourMs
  for (let first = 0; first < count; first += batch) {
    const requests = makeNotifications(first, Math.min(batch, count - first))
    const deliveries = requests.map((request) => ({ ...deliveryOf(request), notBeforeMs: dueMs, dueAtMs: dueMs }))
    await write(deliveries.map((delivery) => codec.encode(routed(delivery), delivery.acceptedAtMs)))
  }
  return { ids: [], again: async () => 0 }
}

function stateFolder({ config }: Place, stage: RestoredStage): string {
  return join(config.dataFolder, `${stage}-slot-0`)
}

/** Every key of its local state, with its lane and partition. */
function stateKeys(place: Place, stage: RestoredStage): ReadonlySet<string> {
  const folder = join(stateFolder(place, stage), stage)
  const keys = new Set<string>()
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.db'))) {
    const database = new Database(join(folder, file), { readOnly: true })
    for (const row of database.prepare('SELECT key FROM state').iterate())
      keys.add(`${file} ${(row as { key: string }).key}`)
    database.close()
  }
  return keys
}
