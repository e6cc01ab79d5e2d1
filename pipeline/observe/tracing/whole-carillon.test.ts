/** Traces as an operator's collector gets them from a whole Carillon: in one process, and in seven on Kafka. */
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { brokerAddress } from '../../../testing/logs/kafka/log-under-test.js'
import {
  type CollectedSpan,
  type Collector,
  startCollector,
} from '../../../testing/observe/tracing/collector-under-test.js'
import { traceparentOf, treeOf } from '../../../testing/observe/tracing/spans-sample.js'
import { readyProcess, runCarillon } from '../../../testing/process-under-test.js'
import { carillonUnderTest } from '../../../testing/run/kafka/carillon-under-test.js'
import { until } from '../../../testing/until.js'

const endings: (() => unknown)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

const webhookSettings = {
  CARILLON_WEBHOOK_SECRET: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  CARILLON_WEBHOOK_ALLOW: '127.0.0.1',
}
// The wait for a retry is chance, up to this: mostly it is parked, but it may be due when it comes before throttle.
const retry = { webhook: { schedule: ['1s'] } }

async function collect(): Promise<Collector> {
  const collector = await startCollector()
  endings.push(collector.close)
  return collector
}

/** A webhook that fails once; `seen`: the trace context of each call. */
async function failingOnce() {
  const seen: unknown[] = []
  const server = createServer((request, response) => {
    request.resume()
    response.writeHead(seen.push(request.headers.traceparent) === 1 ? 503 : 204).end()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  endings.push(() => {
    server.close()
    server.closeAllConnections()
  })
  return { seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook` }
}

async function send(address: string, webhook: string, traceparent: string): Promise<string> {
  const answer = await fetch(`${address}/v1/notifications`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', traceparent },
    body: JSON.stringify({ to: { webhook }, content: { body: 'Hello.' } }),
  })
  return ((await answer.json()) as { id: string }).id
}

const told = ({ name, kind, resource, fields, failed }: CollectedSpan) =>
  [
    `${resource['carillon.role']}: ${name} (${kind})`,
    ...['carillon.attempt', 'carillon.outcome', 'carillon.status'].flatMap((field) => fields[field] ?? []),
    ...(failed ? ['ERROR'] : []),
  ].join(' ')

/** A notification that a webhook took at the second call, followed by its caller: the traces that it may have. `role`: of
 *  who runs a stage. */
function wholeTraces(http: string, role: (stage: string) => string, announced: readonly string[]) {
  return ['parked', 'released'].map((retried) => wholeTrace(http, role, announced, retried))
}

function wholeTrace(http: string, role: (stage: string) => string, announced: readonly string[], retried: string) {
  const stage = (name: string, stream: string, rest: string) => `${role(name)}: ${name} ${stream} (consumer) ${rest}`
  const record = (status: string) => [stage('record', 'notifications.status', status)]
  const wait = [`${role('throttle')}: wait in throttle (internal) released`]
  const below = [
    [`${http}: send notifications.requested (producer) accepted`],
    [stage('dedupe', 'notifications.requested', 'admitted')],
    [stage('enrich-template', 'notifications.accepted', 'rendered')],
    [stage('route', 'notifications.rendered', 'routed')],
    ...[wait, wait],
    [stage('throttle', 'deliveries.routed', 'released')],
    [stage('throttle', 'deliveries.routed', retried)],
    [
      stage('deliver', 'deliveries.released', 'retried'),
      [`${role('deliver')}: attempt webhook (client) 1 transient ERROR`],
    ],
    [
      stage('deliver', 'deliveries.released', 'delivered'),
      [`${role('deliver')}: attempt webhook (client) 2 delivered`],
    ],
    ...['sending', 'scheduled', 'sending', 'delivered', ...announced].map(record),
  ]
  return [[`${http}: POST /v1/notifications (server)`, ...below.sort()]]
}

/** The tree, once it is whole: siblings in no order, for their clocks are only so fine. */
async function treeIn({ spans }: Collector, count: number) {
  const mine = () => spans().filter(({ traceId }) => traceId === traceparentOf(9, true).slice(3, 35))
  await until(
    () => mine().length >= count,
    () => `${count} spans: ${mine().map(told).join(', ')}`,
  )
  const [[root, ...below] = ['']] = treeOf(mine(), (span) => told(span as CollectedSpan))
  return { tree: [[root, ...[...below].sort()]], spans: mine() }
}

const contextOf = ({ traceId, spanId }: CollectedSpan) => `00-${traceId}-${spanId}-01`
const attempts = (spans: readonly CollectedSpan[]) => spans.filter(({ name }) => name === 'attempt webhook')

describe('carillon start', () => {
  test('exports the whole trace of its two threads, with the headers that it is given, and none of a request that nobody follows', async () => {
    const collector = await collect()
    const webhook = await failingOnce()
    const folder = mkdtempSync(join(tmpdir(), 'carillon-traces-'))
    endings.push(() => rmSync(folder, { recursive: true, force: true }))
    const file = join(folder, 'carillon.yaml')
    const tracing = { endpoint: `${collector.url}/base/`, headersEnv: 'COLLECTOR_HEADERS', sampleRatio: 0 }
    writeFileSync(file, stringify({ tracing, retry }))
    const carillon = runCarillon(['start'], {
      ...{ PATH: process.env.PATH, CARILLON_PORT: '0', CARILLON_DATA: join(folder, 'data'), CARILLON_CONFIG: file },
      ...webhookSettings,
      COLLECTOR_HEADERS: 'Authorization=Bearer%20secret-of-the-collector',
    })
    endings.push(() => carillon.end('SIGKILL'))
    await readyProcess(carillon)
    const address = await carillon.address
    await send(address, webhook.url, traceparentOf(9, true))
    const { tree, spans } = await treeIn(collector, 17)
    expect(wholeTraces('http', () => 'engine', [])).toContainEqual(tree)
    expect(webhook.seen).toEqual(attempts(spans).map(contextOf))
    await send(address, webhook.url, traceparentOf(8, false))
    await until(
      () => webhook.seen.length === 3,
      () => 'the third call',
    )
    expect(await carillon.end('SIGTERM')).toBe(0)
    expect(collector.spans().filter(({ traceId }) => traceId === traceparentOf(8, true).slice(3, 35))).toEqual([])
    const [{ path, headers } = { path: '', headers: {} }] = collector.requests
    expect([path, headers.authorization]).toEqual(['/base/v1/traces', 'Bearer secret-of-the-collector'])
    expect(JSON.stringify(collector.spans())).not.toMatch(/127\.0\.0\.1|Hello/)
    expect(carillon.log()).not.toContain('secret-of-the-collector')
  })
})

const broker = await brokerAddress()
if (broker.address === null) test.skip(`traces on Kafka: ${broker.missing}`, () => undefined)
else describeKafka(broker.address)

function describeKafka(address: string): void {
  test('seven processes on Kafka export one trace together', async () => {
    const collector = await collect()
    const webhook = await failingOnce()
    const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_TRACES_SAMPLER_ARG: '0' }
    const carillon = await carillonUnderTest({ broker: address, environment, settings: { retry } })
    endings.push(carillon.close)
    const all = await carillon.runAll()
    const ingress = await all.get('ingress')?.address
    await send(ingress ?? '', webhook.url, traceparentOf(9, true))
    const { tree, spans } = await treeIn(collector, 18)
    expect(wholeTraces('ingress', (stage) => stage, ['accepted'])).toContainEqual(tree)
    expect(webhook.seen).toEqual(attempts(spans).map(contextOf))
    expect(new Set(spans.map(({ resource }) => resource['service.instance.id'])).size).toBe(7)
  })
}
