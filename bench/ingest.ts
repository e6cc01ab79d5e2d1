/** What HTTP takes in: single requests, then batches, with all stages at work on what came in. */
import { type HttpAnswers, postRepeatedly } from './http.js'
import { type RealCarillon, withRealCarillon } from './real-carillon.js'
import { costs, rounded, scenario, seconds, tenths } from './scenario.js'

const connections = 64
const batchSize = 1000
/** Enough to keep the ingress busy; each holds a thousand notifications. */
const batchConnections = 8
/** Of each kind, before what counts. A broker that was just started compiles itself for a while. */
const warmUpSeconds = { sqlite: 2, kafka: 5 }

export const ingest = scenario({
  name: 'ingest',
  says: 'what HTTP takes in, single requests and batches, while all stages are at work',
  takes: { seconds },
  takesSeconds: { sqlite: 35, kafka: 75 },
  run: (engine, { seconds }) =>
    withRealCarillon(engine, null, async (carillon) => {
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
      const tally = await carillon.countRequested(accepted)
      const batchPerSecond = rounded(batch.perSecond * batchSize)
      const singlePerSecond = rounded(single.perSecond)
      const { latencyMs: singleMs } = single
      const cpuMicros = { single: single.cpuMicros, batch: batch.cpuMicros }
      return {
        result: { batchPerSecond, singlePerSecond, singleP99Ms: rounded(singleMs.p99, 1), ...tally },
        more: { singleMs, cpuMicros },
        summary: [
          `batches of 1000: ${batchPerSecond} notifications/s durably accepted; ${costs(cpuMicros.batch)}`,
          `single requests at 64 connections: ${singlePerSecond}/s, p50 ${singleMs.p50}, p99 ${singleMs.p99} ms; ${costs(cpuMicros.single)}`,
        ],
        tally,
      }
    }),
})

function request(number: number) {
  return { to: `user-${number}`, content: { body: `Hello ${number}, your order is on its way.` } }
}

/** `cpuMicros`: for each notification, by thread or process. */
async function withCosts(carillon: RealCarillon, size: number, load: () => Promise<HttpAnswers>) {
  const before = carillon.cpuMs()
  const answers = await load()
  const costs = Object.entries(carillon.cpuMs()).map(
    ([name, ms]) => [name, ((ms - (before[name] ?? 0)) * 1000) / (answers.accepted * size)] as const,
  )
  return { ...answers, cpuMicros: tenths(Object.fromEntries(costs)) }
}
