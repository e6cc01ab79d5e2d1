/** What the clients of contract C see: requests a second, how long a batch takes, how long until a message is at its
 *  webhook, and how long until a thousand watchers are told of a change. Everything goes over HTTP. */
import { setTimeout as delay } from 'node:timers/promises'
import autocannon from 'autocannon'
import { type ContractCarillon, withContractCarillon } from './contract-carillon.js'
import type { Percentiles } from './drain.js'
import { monotonicMs } from './monotonic-clock.js'
import { latencyHistogram, percentiles, recordMs } from './rate.js'
import { startReceiver } from './receiver.js'
import { watchers } from './watchers.js'

export interface ContractRun {
  /** Requests of one notification a second, at 64 connections, and their latency. */
  readonly singlePerSecond: number
  readonly singleMs: Percentiles
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

export async function contract(engine: 'sqlite' | 'kafka', seconds: number): Promise<ContractRun> {
  const warmUp = warmUpSeconds[engine]
  const receiver = await startReceiver(() => 0, 0)
  try {
    return await withContractCarillon(engine, receiver.address, async (carillon) => {
      const sent = await created(carillon, warmUp, seconds)
      await delay(settleMs)
      const told = await watched(carillon, seconds)
      const single = await singles(carillon, warmUp, seconds)
      const batchMs = await batched(carillon)
      const calls = sent.ids.map((id) => receiver.calls.get(`${id}.sms`) ?? [])
      const histogram = latencyHistogram()
      for (const [at, [call]] of calls.entries()) {
        if (call !== undefined) recordMs(histogram, call - (sent.intendedMs[at] ?? call))
      }
      return {
        ...single,
        batchMs,
        sentMs: percentiles(histogram),
        toldMs: told,
        watchers: watchersMost,
        missing: calls.filter(({ length }) => length === 0).length,
        repeats: calls.filter(({ length }) => length > 1).length,
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

async function post({ address }: ContractCarillon, path: string, body: unknown): Promise<unknown> {
  const answer = await fetch(`${address}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (answer.status !== 201) throw new Error(`${path} was answered with ${answer.status}: ${await answer.text()}`)
  return answer.json()
}

/** Open loop: each request has its time, whatever became of those before it. The first seconds do not count. */
async function created(carillon: ContractCarillon, warmUp: number, seconds: number) {
  const total = Math.round(sentPerSecond * (warmUp + seconds))
  const answers: Promise<string>[] = []
  const intendedMs: number[] = []
  const startMs = monotonicMs()
  while (answers.length < total) {
    const atMs = startMs + (answers.length * 1000) / sentPerSecond
    if (atMs > monotonicMs()) {
      await delay(1)
      continue
    }
    intendedMs.push(atMs)
    answers.push(post(carillon, '/api/v1/notifications', request(answers.length)).then((answer) => idOf(answer)))
  }
  const from = Math.round(sentPerSecond * warmUp)
  return { ids: (await Promise.all(answers)).slice(from), intendedMs: intendedMs.slice(from) }
}

function idOf(answer: unknown): string {
  return (answer as { readonly id: string }).id
}

async function watched(carillon: ContractCarillon, seconds: number): Promise<Percentiles> {
  const watching = await watchers(`${carillon.address}/v1/events`, watchersMost)
  for (let number = 0; number < seconds * watchedPerSecond; number++) {
    await post(carillon, '/api/v1/notifications', request(number))
    await delay(1000 / watchedPerSecond)
  }
  await delay(settleMs)
  return watching.end()
}

async function singles({ address }: ContractCarillon, warmUp: number, seconds: number) {
  const run = (duration: number) =>
    autocannon({
      url: `${address}/api/v1/notifications`,
      ...{ connections, duration, timeout: 30, method: 'POST' },
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request(1)),
    })
  await run(warmUp)
  const { duration, latency, errors, non2xx, ...result } = await run(seconds)
  if (errors + non2xx > 0) throw new Error(`${errors + non2xx} requests were not accepted`)
  const singleMs = { p50: latency.p50, p95: latency.p97_5, p99: latency.p99 }
  return { singlePerSecond: result['2xx'] / duration, singleMs }
}

async function batched(carillon: ContractCarillon): Promise<Percentiles> {
  const histogram = latencyHistogram()
  const notifications = Array.from({ length: batchSize }, (_, number) => request(number))
  for (let number = 0; number < batches; number++) {
    const startedMs = monotonicMs()
    await post(carillon, '/api/v1/notifications/batch', { notifications })
    recordMs(histogram, monotonicMs() - startedMs)
  }
  return percentiles(histogram)
}
