/** What the clients of contract C see: requests a second, how long a batch takes, how long until a message is at its
 *  webhook, and how long until a thousand watchers are told of a change. Everything goes over HTTP. */
import { setTimeout as delay } from 'node:timers/promises'
import { type HttpAnswers, postRepeatedly } from './http-load.js'
import { latencyHistogram, type Percentiles, percentiles, percentilesOf, recordMs } from './latency.js'
import { monotonicMs } from './monotonic-clock.js'
import { type Arrival, openLoop } from './open-loop.js'
import { type RealCarillon, withRealCarillon } from './real-carillon.js'
import { startReceiver } from './receiver.js'
import type { Engine } from './subject.js'
import { watchers } from './watchers.js'

export interface ContractRun {
  /** Requests of one notification a second, at 64 connections, and their latency. */
  readonly singlePerSecond: number
  readonly singleMs: HttpAnswers['latencyMs']
  /** Of 1,000 each, one after the other. */
  readonly batchMs: Percentiles
  /** From the intended time of a request to the webhook's call, at 60 requests a second. */
  readonly sentMs: Percentiles
  /** From a change to its arrival, over all who watch. */
  readonly toldMs: Percentiles
  readonly watchers: number
  /** Requests at the steady rate whose message did not come to the webhook within the wait. */
  readonly missing: number
  /** Messages that came to the webhook more than once. */
  readonly repeats: number
}

const connections = 64
const batchSize = 1000
const batches = 20
const sentPerSecond = 60
const watchersMost = 1000
const watchedPerSecond = 5
const settleMs = 5000
/** Before what is measured: a broker that was just started compiles itself for a while. */
const warmUpSeconds = { sqlite: 3, kafka: 20 }

export async function contract(engine: Engine, seconds: number): Promise<ContractRun> {
  const warmUp = warmUpSeconds[engine]
  const receiver = await startReceiver(() => 0, 0)
  try {
    return await withRealCarillon(engine, receiver.address, async (carillon) => {
      const sent = await created(carillon, warmUp, seconds)
      await delay(settleMs)
      const told = await watched(carillon, seconds)
      const single = await singles(carillon, warmUp, seconds)
      const batchMs = await batched(carillon)
      const calls = sent.map(({ id, intendedMs }) => ({ intendedMs, times: receiver.calls.get(`${id}.sms`) ?? [] }))
      const { max: _, ...sentMs } = percentilesOf(
        calls.flatMap(({ intendedMs, times: [first] }) => (first === undefined ? [] : first - intendedMs)),
      )
      return {
        ...single,
        batchMs,
        sentMs,
        toldMs: told,
        watchers: watchersMost,
        missing: calls.filter(({ times }) => times.length === 0).length,
        repeats: calls.filter(({ times }) => times.length > 1).length,
      }
    })
  } finally {
    receiver.close()
  }
}

function request(number: number) {
  const recipient = `+9055512${String(number % 100_000).padStart(5, '0')}`
  return { channel: 'sms', recipient, content: `Your code is ${number}.`, priority: 'high' }
}

async function post({ address }: RealCarillon, path: string, body: unknown): Promise<unknown> {
  const answer = await fetch(`${address}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (answer.status !== 201) throw new Error(`${path} was answered with ${answer.status}: ${await answer.text()}`)
  return answer.json()
}

/** Each request at its time. The first seconds do not count. */
async function created(carillon: RealCarillon, warmUp: number, seconds: number): Promise<readonly Arrival[]> {
  const phases = [warmUp, seconds].map((each) => ({ ratePerSecond: sentPerSecond, seconds: each }))
  const send = async (number: number) => idOf(await post(carillon, '/api/v1/notifications', request(number)))
  return (await openLoop({ phases, send })).filter(({ phase }) => phase === 1)
}

function idOf(answer: unknown): string {
  return (answer as { readonly id: string }).id
}

async function watched(carillon: RealCarillon, seconds: number): Promise<Percentiles> {
  const watching = await watchers(`${carillon.address}/v1/events`, watchersMost)
  for (let number = 0; number < seconds * watchedPerSecond; number++) {
    await post(carillon, '/api/v1/notifications', request(number))
    await delay(1000 / watchedPerSecond)
  }
  await delay(settleMs)
  return watching.end()
}

async function singles({ address }: RealCarillon, warmUp: number, seconds: number) {
  const load = { url: `${address}/api/v1/notifications`, connections, body: request(1) }
  await postRepeatedly({ ...load, seconds: warmUp })
  const { perSecond, latencyMs } = await postRepeatedly({ ...load, seconds })
  return { singlePerSecond: perSecond, singleMs: latencyMs }
}

async function batched(carillon: RealCarillon): Promise<Percentiles> {
  const histogram = latencyHistogram()
  const notifications = Array.from({ length: batchSize }, (_, number) => request(number))
  for (let number = 0; number < batches; number++) {
    const startedMs = monotonicMs()
    await post(carillon, '/api/v1/notifications/batch', { notifications })
    recordMs(histogram, monotonicMs() - startedMs)
  }
  return percentiles(histogram)
}
