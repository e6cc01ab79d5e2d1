/** A run that has Carillon do a little of everything, and what its page of metrics must then tell. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { deliveryMetrics, ingressMetrics, stageMetrics } from '../../../pipeline/observe/metrics/pipeline-metrics.js'
import { processMetrics } from '../../../pipeline/observe/metrics/system-metrics.js'
import { closeAll as closeClients, eventSource } from '../../ingress/live/live-under-test.js'
import { linesOf } from './samples-under-test.js'

/** What the pipeline tells of itself. */
export const pipelineMetrics = { ...stageMetrics, ...deliveryMetrics, ...ingressMetrics, build: processMetrics.build }

/** A provider that fails at first, refuses whoever is at +4915112345670, and takes all else. */
export interface MixedProvider {
  /** For the configuration file. */
  readonly settings: Readonly<Record<string, unknown>>
  close(): void
}

export async function mixedProvider(): Promise<MixedProvider> {
  let failures = 1
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const status = body.includes('+4915112345670') ? 400 : failures-- > 0 ? 503 : 204
    response.writeHead(status).end()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const provider = {
    kind: 'http',
    name: 'mixed',
    channels: ['sms'],
    url: `http://127.0.0.1:${port}/`,
    ratePerSecond: 500,
  }
  return {
    settings: { providers: [provider], retry: { sms: { schedule: [10, 50] } } },
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

const sms = { to: { phone: '+4915112345678' }, content: { body: 'Hello' } }

/** What the page then says of all that was sent; sorted. */
export const countedOfMixedRun = [
  'carillon_accepted_to_recorded_seconds_count{priority="normal",status="failed"} 1',
  'carillon_accepted_to_recorded_seconds_count{priority="normal",status="sent"} 4',
  'carillon_ingress_accepted_total{priority="normal",origin="native"} 7',
  'carillon_ingress_replayed_total{origin="native"} 1',
  'carillon_provider_pace_per_second{provider="mixed",channel="sms"} 500',
  'carillon_provider_put_back_total{provider="mixed",channel="sms",reason="transient"} 1',
  'carillon_throttle_parked{until="destination"} 0',
  'carillon_throttle_parked{until="time"} 1',
]

/** The lines of a page that `countedOfMixedRun` has. */
export function countedOn(page: string): string[] {
  const names = new Set(countedOfMixedRun.map((line) => line.split('{', 1)[0]))
  return linesOf(page)
    .filter((line) => names.has(line.split('{', 1)[0]))
    .sort()
}

/** Sends, repeats, delays, watches; resolves with the page once all has ended, but for one that waits for its time. */
export async function pageAfterMixedRun(address: string): Promise<string> {
  const post = async (body: object, headers: Readonly<Record<string, string>> = {}) => {
    const answer = await fetch(`${address}/v1/notifications`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
    if (answer.status !== 202) throw new Error(`${answer.status} ${await answer.text()}`)
    return ((await answer.json()) as { id: string }).id
  }
  await eventSource(`${address}/v1/events`)
  const key = { 'idempotency-key': 'k' }
  const twin = { ...sms, dedupe: { key: 'twin' } }
  const ids = [
    await post(sms),
    await post({ ...sms, to: { phone: '+4915112345670' } }),
    await post({ ...sms, sendAt: new Date(Date.now() + 1000).toISOString() }),
    await post(twin),
    await post(twin),
    await post(sms, key),
    await post(sms, key),
  ]
  for (const id of ids) await became(address, id, ended)
  await became(address, await post({ ...sms, sendAt: '2100-01-01T00:00:00Z' }), ['scheduled'])
  const page = await (await fetch(`${address}/metrics`)).text()
  await closeClients()
  return page
}

/** How long one notification may take. */
const patienceMs = 150_000
const lookAgainMs = 50
const ended = ['sent', 'failed', 'duplicate']

async function became(address: string, id: string, wanted: readonly string[]): Promise<void> {
  const deadlineMs = Date.now() + patienceMs
  for (;;) {
    const { status } = (await (await fetch(`${address}/v1/notifications/${id}`)).json()) as { status?: string }
    if (wanted.includes(status ?? '')) return
    if (Date.now() > deadlineMs) throw new Error(`${id} is ${status}, not ${wanted}`)
    await sleep(lookAgainMs)
  }
}

/** Metrics of the pipeline without a sample on the page. */
export function missingOn(page: string): string[] {
  const told = new Set(linesOf(page).map((line) => line.split(/[{ ]/, 1)[0]))
  return Object.values(pipelineMetrics).flatMap(({ name, type }) =>
    told.has(type === 'histogram' ? `${name}_count` : name) ? [] : [name],
  )
}
