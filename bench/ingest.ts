/** What HTTP takes in: single requests, then batches, with all stages at work on what came in. */
import { type HttpAnswers, postRepeatedly } from './http-load.js'
import { type RealCarillon, withRealCarillon } from './real-carillon.js'
import type { CpuMicros, Engine } from './subject.js'

export interface IngestRun {
  /** Notifications a second that batch requests got durably accepted. */
  readonly batchPerSecond: number
  /** Requests of one notification a second, at 64 connections. */
  readonly singlePerSecond: number
  readonly singleMs: HttpAnswers['latencyMs']
  /** For each notification, by thread or process, while there were single requests, and while there were batches. */
  readonly singleCpuMicros: CpuMicros
  readonly batchCpuMicros: CpuMicros
  /** Accepted, and not on notifications.requested after the end. */
  readonly lost: number
  /** Ids that are there more than once. */
  readonly duplicates: number
}

const connections = 64
const batchSize = 1000
/** Enough to keep the ingress busy; each holds a thousand notifications. */
const batchConnections = 8
/** Of each kind, before what counts. A broker that was just started compiles itself for a while. */
const warmUpSeconds = { sqlite: 2, kafka: 5 }

export function ingest(engine: Engine, seconds: number): Promise<IngestRun> {
  return withRealCarillon(engine, null, async (carillon) => {
    const url = `${carillon.address}/v1/notifications`
    const notifications = Array.from({ length: batchSize }, (_, number) => request(number))
    const singles = { url, connections, body: request(0) }
    const batches = { url: `${url}/batch`, connections: batchConnections, body: { notifications } }
    const warmSingle = await postRepeatedly({ ...singles, seconds: warmUpSeconds[engine] })
    const single = await withCosts(carillon, 1, () => postRepeatedly({ ...singles, seconds }))
    // Not before: the stages would have its backlog to work off beside the single requests.
    const warmBatch = await postRepeatedly({ ...batches, seconds: warmUpSeconds[engine] })
    const batch = await withCosts(carillon, batchSize, () => postRepeatedly({ ...batches, seconds }))
    const accepted = warmSingle.accepted + single.accepted + (warmBatch.accepted + batch.accepted) * batchSize
    const ids = await carillon.requestedIds()
    const distinct = new Set(ids).size
    return {
      batchPerSecond: batch.perSecond * batchSize,
      singlePerSecond: single.perSecond,
      singleMs: single.latencyMs,
      singleCpuMicros: single.cpuMicros,
      batchCpuMicros: batch.cpuMicros,
      // Requests whose answer the end of the load cut off may be there too.
      lost: Math.max(0, accepted - distinct),
      duplicates: ids.length - distinct,
    }
  })
}

function request(number: number) {
  return { to: `user-${number}`, content: { body: `Hello ${number}, your order is on its way.` } }
}

async function withCosts(carillon: RealCarillon, size: number, load: () => Promise<HttpAnswers>) {
  const before = carillon.cpuMs()
  const answers = await load()
  const costs = Object.entries(carillon.cpuMs()).map(
    ([name, ms]) => [name, ((ms - (before[name] ?? 0)) * 1000) / (answers.accepted * size)] as const,
  )
  return { ...answers, cpuMicros: Object.fromEntries(costs) }
}
