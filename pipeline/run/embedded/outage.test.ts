/** What an outage of a provider costs: few calls in vain, no delivery, nothing twice. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, it, onTestFinished } from 'vitest'
import type { NotificationRequested } from '../../../schemas/events.js'
import {
  closeAll,
  notificationOf,
  quickConfig,
  type RunningEngine,
  run,
} from '../../../testing/run/embedded/engine-sample.js'
import { loadConfig } from '../../config/config.js'

afterEach(closeAll)

/** A provider that is away, until it comes back at the same address. */
interface Provider {
  readonly url: string
  /** The keys of the calls that it took. */
  readonly taken: readonly string[]
  /** It stays away for so long. */
  comeBackAfter(ms: number): void
}

const outageMs = 1000
/** As 20 s of outage are to the usual half minute. */
const halfOpenAfterMs = 1500
const channels = ['sms', 'email', 'push']

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

async function provider(how: 'answers with 500' | 'refuses connections'): Promise<Provider> {
  const taken: string[] = []
  let well = false
  const server = createServer((request, response) => {
    if (well) taken.push(String(request.headers['idempotency-key']))
    request.resume().once('end', () => response.writeHead(well ? 200 : 500).end())
  })
  const port = await listen(server)
  if (how === 'refuses connections') await new Promise((resolve) => server.close(resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const comeBack = () => {
    well = true
    if (!server.listening) server.listen(port, '127.0.0.1')
  }
  return {
    url: `http://127.0.0.1:${port}/`,
    taken,
    comeBackAfter: (ms) => void setTimeout(comeBack, ms),
  }
}

/** An engine whose providers are those of the configuration, with times to match `outageMs`. */
function engineFor(url: string): Promise<RunningEngine> {
  const { providers, providerOf } = loadConfig({ CARILLON_PROVIDER_URL: url })
  const { compat, retry } = quickConfig()
  const breaker = { failures: 5, halfOpenAfterMs, maxHalfOpenAfterMs: halfOpenAfterMs }
  const times = { retry: { ...retry, baseMs: 50, maxMs: 1000 }, breaker }
  const unlimited = { ...compat, c: { ...compat.c, ratePerSecond: null } }
  const config = (usual: ReturnType<typeof quickConfig>) => {
    return { ...usual, providers, providerOf, ...times, compat: unlimited }
  }
  return run(undefined, { config, configured: true })
}

function ofContractC(index: number, priority: 'high' | 'normal'): NotificationRequested {
  const channel = channels[index % channels.length] ?? 'sms'
  const made = notificationOf({ priority, channels: [channel], origin: 'c' })
  const to = { ...made.to, phone: '+905551234567', email: 'anna@example.com', device: 'device' }
  return { ...made, to, content: { '*': { subject: null, text: 'Hello', html: null, data: null } } }
}

async function attemptsOf(engine: RunningEngine, of: readonly NotificationRequested[]) {
  const records = await Promise.all(of.map(({ id }) => engine.record(id)))
  return records.flatMap((record) => record?.deliveries.flatMap(({ attempts }) => attempts) ?? [])
}

it.each(['answers with 500', 'refuses connections'] as const)(
  'an outage in which the provider %s loses nothing, sends nothing twice, and is asked in vain by few',
  async (how) => {
    const http = await provider(how)
    const engine = await engineFor(http.url)
    const urgent = Array.from({ length: 12 }, (_, index) => ofContractC(index, 'high'))
    const others = Array.from({ length: 1000 }, (_, index) => ofContractC(index, 'normal'))
    await engine.accept(urgent)
    await engine.accept(others)
    await engine.until(async () => (await attemptsOf(engine, urgent)).length > 0)
    http.comeBackAfter(outageMs)
    const all = [...urgent, ...others]
    const records = await Promise.all(all.map(({ id }) => engine.ended(id)))
    const attempts = await attemptsOf(engine, all)
    expect(new Set(records.map(({ status }) => status))).toEqual(new Set(['sent']))
    expect([http.taken.length, new Set(http.taken).size]).toEqual([1012, 1012])
    expect(attempts.filter(({ outcome }) => outcome !== 'sent').length).toBeLessThan(60)
  },
)
