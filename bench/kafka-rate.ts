/** Latency on Kafka at a steady rate: requests over HTTP to a real ingress, each at its time, whatever became of those
 *  before it. Latency counts from that time to the stub's call. */
import { setTimeout as delay } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { z } from 'zod'
import { stageNames } from '../stages/stage.js'
import { type KafkaSetUp, withKafkaCarillon } from './kafka-carillon.js'
import { type KafkaRun, watchUse } from './kafka-drain.js'
import { sendProbes } from './kafka-probes.js'
import { tallyKafka } from './kafka-tally.js'
import { monotonicMs } from './monotonic-clock.js'
import { orderShipped } from './notifications.js'
import { progressBar } from './progress.js'
import { type Arrival, latencies, warmUpSeconds } from './rate.js'
import { allEnded } from './recorded.js'

/** Requests under way at once, at most; those above wait for a connection, and their latency counts that. */
const connections = 128
const answer = z.looseObject({ id: z.string() })

export interface KafkaRateOptions extends KafkaSetUp {
  readonly ratePerSecond: number
  readonly seconds: number
}

export function kafkaRate({ ratePerSecond, seconds, ...setUp }: KafkaRateOptions): Promise<KafkaRun> {
  return withKafkaCarillon(setUp, async (carillon, keep) => {
    const stages = stageNames.filter((name) => name !== 'dedupe')
    const behind = await Promise.all([...stages, 'ingress' as const].map((name) => carillon.start(name)))
    const probes = await sendProbes(carillon)
    const running = [await carillon.start('dedupe'), ...behind]
    const address = running.find(({ runs }) => runs === 'ingress')?.address ?? ''
    const using = await watchUse(running)
    const warmUp = Math.round(ratePerSecond * Math.min(warmUpSeconds, seconds))
    const count = Math.max(1, Math.round(ratePerSecond * seconds))
    const arrivals = await sendOverHttp(address, ratePerSecond, warmUp + count)
    const endedMs = await allEnded(carillon.ended, arrivals.length + probes.length, () => undefined)
    const used = await using.stop(arrivals.length)
    const reports = await Promise.all(running.map(({ calls }) => calls.report()))
    await carillon.stop()
    const accepted = arrivals.map(({ id }) => id)
    const tally = await tallyKafka(carillon.kafka, { accepted, probes }, reports, await carillon.ended.ids())
    if (tally.lost > 0 || tally.duplicates > 0) keep()
    const measured = arrivals.slice(warmUp)
    const took = (endedMs - (measured[0]?.intendedMs ?? endedMs)) / 1000
    return {
      ...{ count, seconds: took, perSecond: count / took, tally, processes: used },
      latencyMs: latencies(measured, new Map(reports.flatMap(({ firstAtMs }) => [...firstAtMs]))),
      rssMiB: Math.max(...used.map(({ rssMiB }) => rssMiB)),
    }
  })
}

/** Resolves when all are accepted, in the order of their times; rejects with the first that was not. */
async function sendOverHttp(address: string, ratePerSecond: number, total: number): Promise<Arrival[]> {
  const agent = new Agent({ connections })
  const requests: Promise<Arrival>[] = []
  const bar = progressBar('sending', total)
  const startMs = monotonicMs()
  while (requests.length < total) {
    const intendedMs = startMs + (requests.length * 1000) / ratePerSecond
    if (intendedMs > monotonicMs()) {
      await delay(1)
      continue
    }
    const sent = post(agent, address, requests.length).then((id): Arrival => ({ id, intendedMs }))
    sent.catch(() => undefined)
    requests.push(sent)
    bar.update(requests.length)
  }
  bar.stop()
  try {
    return await Promise.all(requests)
  } finally {
    await agent.close()
  }
}

async function post(dispatcher: Agent, address: string, number: number): Promise<string> {
  const { statusCode, body } = await request(`${address}/v1/notifications`, {
    dispatcher,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      to: { id: `user-${number}`, phone: `+49151${String(10_000_000 + number)}` },
      channels: ['sms'],
      template: orderShipped.id,
      data: { name: `Ada the ${number}th`, order: `A-${number}`, day: 'Friday' },
    }),
  })
  const json: unknown = await body.json()
  if (statusCode !== 202) throw new Error(`A request was answered with ${statusCode}`)
  return answer.parse(json).id
}
