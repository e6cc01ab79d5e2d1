/** Three ingress processes on Kafka behind the load balancer: clients notice neither that one is killed nor that all are
 *  started again. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { brokerAddress } from '../logs/kafka/log-under-test.js'
import { machinePace } from '../machine-pace.js'
import type { ProcessUnderTest } from '../process-under-test.js'
import { type CarillonUnderTest, carillonUnderTest } from '../run/kafka/carillon-under-test.js'
import { until } from '../until.js'
import { beginLoad, type Crowd, type Load } from './clients-under-test.js'
import type { Haproxy } from './haproxy-under-test.js'
import { freePort, haproxyHere, type LoadBalancer, loadBalancer, serverHosts } from './load-balancer-under-test.js'

vi.setConfig({ testTimeout: 300_000 })

const found = haproxyHere()
const broker = await brokerAddress()
const title = 'three ingress processes behind the load balancer'
if (found.haproxy === null) test.skip(`${title}: ${found.missing}`, () => undefined)
else if (broker.address === null) test.skip(`${title}: ${broker.missing}`, () => undefined)
else {
  const { haproxy } = found
  const { address } = broker
  describe(title, () => describeLoad(haproxy, address))
}

const users = 10
const phone = '+4915100000000'

function describeLoad(haproxy: Haproxy, broker: string): void {
  /** Nine processes and a broker share the machine's cores with whatever else runs: checks take longer than the balancer
   *  usually gives them, so both its time-outs and how long a process takes to leave grow alike. */
  const pace = Math.min(4, 1.5 * machinePace())
  /** As in ingress/load-balancer/carillon.yaml. */
  const settings = { compat: { b: { requestsPerMinute: null } }, http: { leaveMs: Math.ceil(7000 * pace) } }
  let carillon: CarillonUnderTest
  let provider: Provider
  let balancer: LoadBalancer
  let port = 0
  const ingress = new Map<string, ProcessUnderTest>()

  const start = async (host: string) => {
    const started = carillon.run(['ingress'], { CARILLON_HOST: host, CARILLON_PORT: String(port) })
    ingress.set(host, started)
    await carillon.ready(started)
  }
  const end = async (host: string, signal: NodeJS.Signals) => ingress.get(host)?.end(signal)
  const begin = (name: string, crowd: Crowd) => beginLoad({ address: balancer.address, name, crowd, users, phone })

  beforeAll(async () => {
    provider = await providerUnderTest()
    const environment = { CARILLON_PROVIDER_URL: provider.url }
    carillon = await carillonUnderTest({ broker, environment, settings })
    const stages = carillon.run(['start', '--create-topics'])
    await carillon.ready(stages)
    for (let user = 0; user < users; user++) {
      const body = JSON.stringify({ phone: `+4915100000${100 + user}` })
      const headers = { 'content-type': 'application/json' }
      await fetch(`${await stages.address}/v1/recipients/${user}`, { method: 'PUT', headers, body })
    }
    port = await freePort(serverHosts[0])
    await Promise.all(serverHosts.map(start))
    balancer = await loadBalancer(haproxy, { port, pace })
    await until(
      async () => (await fetch(`${balancer.address}/health/ready`)).ok,
      () => balancer.log(),
    )
  })
  afterAll(async () => {
    await balancer?.close()
    await carillon?.close()
    provider?.close()
  })

  /** Every request was answered, and every text reached the provider once. */
  const expectAllDone = async ({ texts, failures }: Load) => {
    expect(failures).toEqual([])
    const missing = () => texts.filter((text) => !provider.calls.has(text))
    await until(
      () => missing().length === 0,
      () => `${missing().length} of ${texts.length} to reach the provider`,
    )
    expect(texts.filter((text) => provider.calls.get(text) !== 1)).toEqual([])
  }

  test('one is killed under load and comes back: who may ask again is answered, and nothing is done twice', async () => {
    const load = begin('killed', { posting: 48, keyed: 8, plain: 0, reading: 8 })
    await load.asked(500)
    await end(serverHosts[1], 'SIGKILL')
    await load.asked(1500)
    await start(serverHosts[1])
    await load.asked(500)
    await load.end()
    await expectAllDone(load)
    await balancer.hasAll()
  })

  test('one after the other is stopped under load and started again: everybody is answered', async () => {
    const load = begin('stopped', { posting: 16, keyed: 8, plain: 16, reading: 8 })
    for (const host of serverHosts) {
      await load.asked(200)
      await end(host, 'SIGTERM')
      await start(host)
      await balancer.hasAll()
    }
    await load.end()
    await expectAllDone(load)
  })
}

interface Provider {
  readonly url: string
  /** By the text that was sent. */
  readonly calls: ReadonlyMap<string, number>
  close(): void
}

async function providerUnderTest(): Promise<Provider> {
  const calls = new Map<string, number>()
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { content } = JSON.parse(Buffer.concat(chunks).toString()) as { content: string }
    calls.set(content, (calls.get(content) ?? 0) + 1)
    response.writeHead(204).end()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    calls,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
