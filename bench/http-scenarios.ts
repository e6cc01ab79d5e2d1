/** Scenarios over HTTP, on real processes: what is taken in, and what the clients of contract C see. */

import { setTimeout as delay } from 'node:timers/promises'
import { type RealCarillon, withRealCarillon } from './carillon-process.js'
import { type HttpAnswers, post, postRepeatedly, startReceiver } from './http.js'
import { monotonicMs, type Percentiles, percentilesOf } from './latency.js'
import { type Arrival, openLoop } from './open-loop.js'
import { costs, type Measured, rounded, scenario, seconds, tenths } from './scenario.js'
import { watchers } from './watchers.js'

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

const batches = 20
const sentPerSecond = 60
const maxWatchers = 1000
const watchedPerSecond = 5
const settleMs = 5000
/** Before what is measured: a broker that was just started compiles itself for a while. */
const contractWarmUpSeconds = { sqlite: 3, kafka: 20 }

export const contract = scenario({
  name: 'contract',
  says: 'what clients of contract C see, over HTTP',
  takes: { seconds },
  takesSeconds: { sqlite: 60, kafka: 130 },
  async run(engine, { seconds }) {
    const warmUp = contractWarmUpSeconds[engine]
    const receiver = await startReceiver(() => 0, 0)
    try {
      return await withRealCarillon(engine, receiver.address, async (carillon) => {
        const sent = await created(carillon, warmUp, seconds)
        await delay(settleMs)
        const toldMs = await watched(carillon, seconds)
        const single = await singles(carillon, warmUp, seconds)
        const batchMs = await batched(carillon)
        const calls = sent.map(({ id, intendedMs }) => ({ intendedMs, times: receiver.calls.get(`${id}.sms`) ?? [] }))
        const { max: _, ...sentMs } = percentilesOf(
          calls.flatMap(({ intendedMs, times: [first] }) => (first === undefined ? [] : first - intendedMs)),
        )
        // At the steady rate: what did not come to the webhook within the wait, or came there more than once.
        const missing = calls.filter(({ times }) => times.length === 0).length
        const repeats = calls.filter(({ times }) => times.length > 1).length
        return toldContract({ ...single, batchMs, sentMs, toldMs, watchers: maxWatchers, missing, repeats })
      })
    } finally {
      receiver.close()
    }
  },
})

interface ContractRun extends Awaited<ReturnType<typeof singles>> {
  /** Of 1,000 each, one after the other. */
  readonly batchMs: Percentiles
  /** From the intended time of a request to the webhook's call, at 60 requests a second. */
  readonly sentMs: Percentiles
  /** From a change to its arrival, over all who watch. */
  readonly toldMs: Percentiles
  readonly watchers: number
  readonly missing: number
  readonly repeats: number
}

function toldContract(run: ContractRun): Measured {
  const { singlePerSecond, singleMs, batchMs, sentMs, toldMs, missing, repeats } = run
  const told = ({ p50, p95, p99 }: Percentiles) => `p50 ${p50}, p95 ${p95}, p99 ${p99} ms`
  const tally = { lost: missing, duplicates: repeats }
  return {
    result: { ...run, ...tally },
    summary: [
      `one notification a request, 64 connections: ${singlePerSecond}/s, p50 ${singleMs.p50}, p99 ${singleMs.p99} ms`,
      `a batch of 1000: ${told(batchMs)}`,
      `from created to its webhook, at 60 a second: ${told(sentMs)}; missing ${missing}, repeated ${repeats}`,
      `from a change to ${run.watchers} watchers: ${told(toldMs)}`,
    ],
    tally,
  }
}

function message(number: number) {
  const recipient = `+9055512${String(number % 100_000).padStart(5, '0')}`
  return { channel: 'sms', recipient, content: `Your code is ${number}.`, priority: 'high' }
}

/** Each request at its time. The first seconds do not count. */
async function created(carillon: RealCarillon, warmUp: number, seconds: number): Promise<readonly Arrival[]> {
  const phases = [warmUp, seconds].map((each) => ({ ratePerSecond: sentPerSecond, seconds: each }))
  const send = async (number: number) => idOf(await post(`${carillon.address}/api/v1/notifications`, message(number)))
  return (await openLoop({ phases, send })).filter(({ phase }) => phase === 1)
}

function idOf(answer: unknown): string {
  return (answer as { readonly id: string }).id
}

async function watched(carillon: RealCarillon, seconds: number): Promise<Percentiles> {
  const end = await watchers(`${carillon.address}/v1/events`, maxWatchers)
  for (let number = 0; number < seconds * watchedPerSecond; number++) {
    await post(`${carillon.address}/api/v1/notifications`, message(number))
    await delay(1000 / watchedPerSecond)
  }
  await delay(settleMs)
  return end()
}

async function singles({ address }: RealCarillon, warmUp: number, seconds: number) {
  const load = { url: `${address}/api/v1/notifications`, connections, body: message(1) }
  await postRepeatedly({ ...load, seconds: warmUp })
  const { perSecond, latencyMs } = await postRepeatedly({ ...load, seconds })
  return { singlePerSecond: rounded(perSecond), singleMs: latencyMs }
}

async function batched(carillon: RealCarillon): Promise<Percentiles> {
  const tookMs: number[] = []
  const notifications = Array.from({ length: batchSize }, (_, number) => message(number))
  for (let number = 0; number < batches; number++) {
    const startedMs = monotonicMs()
    await post(`${carillon.address}/api/v1/notifications/batch`, { notifications })
    tookMs.push(monotonicMs() - startedMs)
  }
  const { max: _, ...batchMs } = percentilesOf(tookMs)
  return batchMs
}
