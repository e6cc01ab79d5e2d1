import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import type { ProviderHealth } from '../../schemas/events.js'
import { routed } from '../../schemas/outgoing.js'
import { type DeliverRun, down, pending, runDeliver, sent } from '../../testing/stages/deliver/deliver-sample.js'
import { at, deliveryOf } from '../../testing/stages/throttle/throttle-sample.js'
import { type BreakerKeys, Breakers } from './breakers.js'
import type { SendRequest, SendResult } from './providers/provider.js'

afterEach(() => {
  vi.restoreAllMocks()
})

function names(count: number, prefix = 'd'): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index}`)
}

function changes(run: DeliverRun): (string | number | null)[][] {
  return run
    .health()
    .map(({ key, state, atMs, retryAtMs }) => [key, state, atMs - at(0), retryAtMs === null ? null : retryAtMs - at(0)])
}

test('five failures in a row open the breaker, and what comes then is put off without a call or an attempt', async () => {
  const run = runDeliver({ test: { answer: () => down } })
  for (const id of names(5)) await run.release(deliveryOf(id))
  expect(changes(run)).toEqual([['test', 'open', 0, 30_000]])
  await run.release(...names(20, 'later').map((id) => deliveryOf(id)))
  await run.advance(1000)
  expect(run.calls.length).toBe(5)
  const deferred = run.back().slice(5)
  expect(deferred.map(({ attempts, deferrals }) => [attempts.length, deferrals])).toEqual(Array(20).fill([0, 1]))
  const waits = deferred.map(({ notBeforeMs }) => (notBeforeMs ?? 0) - at(30_000))
  expect(waits.every((waitMs) => waitMs >= 0 && waitMs < 7500)).toBe(true)
  expect(new Set(waits).size).toBeGreaterThan(15)
  expect(deferred[0]?.trail.map(({ event, reason }) => [event, reason])).toEqual([['deferred', 'breaker-open']])
})

test('what an open breaker puts off goes back little by little', async () => {
  const run = runDeliver({ test: { answer: () => down } })
  for (const id of names(5)) await run.release(deliveryOf(id))
  await run.release(...names(20, 'later').map((id) => deliveryOf(id)))
  const back: number[] = []
  for (let turn = 0; turn < 5; turn++) {
    await run.advance(10)
    back.push(run.back().length - 5)
  }
  expect(back).toEqual([5, 10, 15, 20, 20])
})

test('a success in between starts the count anew', async () => {
  let call = 0
  const run = runDeliver({ test: { answer: () => (++call % 5 === 0 ? sent : down) } })
  for (const id of names(20)) await run.release(deliveryOf(id))
  expect([changes(run), run.calls.length]).toEqual([[], 20])
})

test.each([
  ['a recipient’s fault', { outcome: 'recipient', error: 'gone' }],
  ['a refusal', { outcome: 'permanent', error: 'no' }],
  ['a limit', { outcome: 'rate-limited', error: 'slow', retryAfterMs: 1000 }],
] as const)('%s does not open it', async (_, result) => {
  const run = runDeliver({ test: { answer: () => result } })
  for (const id of names(12)) await run.release(deliveryOf(id))
  expect([changes(run), run.calls.length]).toEqual([[], 12])
})

test('after its time one probe goes alone; if it fails the breaker stays open for longer, if it works all go', async () => {
  let well = false
  const probe = pending()
  const answer = () => (run.calls.length === 6 ? probe.promise : well ? sent : down)
  const run = runDeliver({ test: { answer } })
  for (const id of names(5)) await run.release(deliveryOf(id))
  await run.advance(30_000)
  await run.release(deliveryOf('probe'), deliveryOf('with-it'), deliveryOf('and-it'))
  expect(run.calls.map(({ key }) => key).slice(5)).toEqual(['probe'])
  probe.resolve(down)
  await run.advance(0)
  expect(run.calls.length).toBe(6)
  well = true
  await run.advance(60_000)
  await run.release(deliveryOf('a'), deliveryOf('b'))
  await run.advance(10)
  expect(run.calls.map(({ key }) => key).slice(6)).toEqual(['a', 'b'])
  expect(changes(run)).toEqual([
    ['test', 'open', 0, 30_000],
    ['test', 'half_open', 30_000, null],
    ['test', 'open', 30_000, 90_000],
    ['test', 'half_open', 90_000, null],
    ['test', 'closed', 90_000, null],
  ])
})

test('of a breaker that is closed again nothing is kept', async () => {
  const answer = () => (run.afterMs() < 1000 ? down : sent)
  const run = runDeliver({ test: { answer } })
  for (const id of names(5)) await run.release(deliveryOf(id))
  await run.advance(30_000)
  await run.release(deliveryOf('probe'))
  const told = run.commits.flatMap(({ outputs }) => outputs.filter(({ topic }) => topic.stream === 'providers.health'))
  expect(told.map(({ key, value }) => [Buffer.from(key ?? []).toString(), value === null])).toEqual([
    ['test', false],
    ['test', false],
    ['test', false],
    ['test', true],
  ])
})

test('the time to the next probe doubles up to five minutes, and begins anew once it was closed', async () => {
  const answer = () => (run.afterMs() < 3_600_000 || run.afterMs() > 2 * 3_600_000 ? down : sent)
  const run = runDeliver({ test: { answer } })
  const waits = async (fromMs: number) => {
    const opened = run.health().filter(({ state, atMs }) => state === 'open' && atMs >= at(fromMs))
    return opened.map(({ atMs, retryAtMs }) => (retryAtMs ?? 0) - atMs)
  }
  for (let index = 0; run.afterMs() < 1_800_000; index++) {
    await run.release(deliveryOf(`d-${index}`))
    await run.advance(10_000)
  }
  expect((await waits(0)).slice(0, 6)).toEqual([30_000, 60_000, 120_000, 240_000, 300_000, 300_000])
  await run.advance(3_600_000)
  await run.release(deliveryOf('well'))
  await run.advance(3_600_000)
  for (const id of names(5, 'again')) await run.release(deliveryOf(id))
  expect(await waits(2 * 3_600_000)).toEqual([30_000])
})

const hook = (id: string, url: string) => deliveryOf(id, { channel: 'webhook', address: url })
const byUrl = ({ address }: { address: string }) => `${new URL(address).origin}/${new URL(address).pathname.slice(1)}`

test('a URL that answers badly holds up no other URL of its host', async () => {
  const answer = (request: SendRequest) => (request.delivery.address.endsWith('/ill') ? down : sent)
  const run = runDeliver({ test: { answer, destination: byUrl } })
  for (const id of names(5)) await run.release(hook(id, 'https://one.example/ill'))
  await run.release(
    hook('a', 'https://one.example/ill'),
    ...names(10, 'b').map((id) => hook(id, 'https://one.example/ok')),
  )
  expect(run.calls.map(({ key }) => key).slice(5)).toEqual(names(10, 'b'))
  expect(run.health()).toEqual([
    {
      key: 'test/https://one.example/ill',
      tenant: 'default',
      provider: 'test',
      state: 'open',
      atMs: at(0),
      retryAtMs: at(30_000),
      sinceMs: at(0),
      lastError: 'down',
    },
  ])
})

test('a host that cannot be reached is asked in vain by few of its URLs, and holds up no other host', async () => {
  const unreachable: SendResult = { outcome: 'transient', error: 'refused', chargedTo: 'connection' }
  const answer = (request: SendRequest) => (request.delivery.address.includes('gone') ? unreachable : sent)
  const run = runDeliver({ test: { answer, destination: byUrl } })
  for (const id of names(20)) await run.release(hook(id, `https://gone.example/${id}`))
  await run.release(hook('a', 'https://here.example/a'))
  expect(run.calls.map(({ key }) => key)).toEqual([...names(5), 'a'])
  expect(changes(run)).toEqual([['test/https://gone.example', 'open', 0, 30_000]])
})

test('what is put off for its recipient’s sake opens no breaker, and takes no calls from others', async () => {
  const putOff: SendResult = { outcome: 'transient', error: '450', chargedTo: 'recipient' }
  const answer = (request: SendRequest) => (request.delivery.address.includes('grey') ? putOff : sent)
  const run = runDeliver({ test: { answer } })
  for (const id of names(40)) await run.release(deliveryOf(id, { address: 'anna@grey.example' }))
  await run.release(deliveryOf('good', { priority: 'high' }))
  expect([run.calls.at(-1)?.key, run.calls.at(-1)?.afterMs, changes(run)]).toEqual(['good', 0, []])
})

test('a provider that is away for an hour costs few calls, and afterwards everything arrives once', async () => {
  const answer = () => (run.afterMs() < 3_600_000 ? down : sent)
  const run = runDeliver({ test: { answer } }, { withThrottle: true })
  const ids = names(60)
  await run.append(...ids.map((id) => routed(deliveryOf(id, { priority: 'high' }))))
  await run.advance(2 * 3_600_000)
  const ends = run.statuses().filter(({ final }) => final)
  const arrived = ends.filter(({ status }) => status === 'sent').map(({ id }) => id)
  expect(ends.length).toBe(ids.length)
  expect(new Set(arrived).size).toBe(arrived.length)
  const inVain = run.calls.filter(({ afterMs }) => afterMs < 3_600_000).length
  // Probes further and further apart, and what was under way when it opened.
  expect(inVain).toBeLessThan(20 + 20)
})

test('a process that ended with an open breaker leaves nobody held back by it', async () => {
  const answer = () => (run.afterMs() < 10_000 ? down : sent)
  const run = runDeliver({ test: { answer } }, { withThrottle: true })
  const ids = names(50)
  await run.append(...ids.map((id) => routed(deliveryOf(id))))
  await run.advance(9000)
  expect(run.health().map(({ state }) => state)).toEqual(['open'])
  await run.kill()
  await run.advance(60_000)
  await run.append(...names(50, 'later').map((id) => routed(deliveryOf(id))))
  await run.advance(60_000)
  expect(run.statuses().filter(({ status }) => status === 'sent').length).toBe(100)
})

test('a breaker that is not closed has a time for a probe, or a probe under way, whatever comes when', () => {
  const aCall = fc.record({
    host: fc.constantFrom('one', 'two'),
    url: fc.constantFrom('a', 'b'),
    result: fc.constantFrom<SendResult | null>(
      null,
      sent,
      down,
      { outcome: 'transient', error: 'refused', chargedTo: 'connection' },
      { outcome: 'transient', error: '450', chargedTo: 'recipient' },
      { outcome: 'rate-limited', error: 'slow', retryAfterMs: null },
      { outcome: 'permanent', error: 'no' },
    ),
    thenMs: fc.constantFrom(0, 1, 30_000, 300_000),
    takes: fc.nat({ max: 5 }),
  })
  const property = fc.property(fc.array(aCall, { maxLength: 100 }), (calls) => {
    const told = new Map<string, ProviderHealth>()
    const options = { failures: 2, halfOpenAfterMs: 30_000, maxHalfOpenAfterMs: 300_000 }
    const breakers = new Breakers(options, (health) => told.set(health.key, health))
    const underWay: { readonly endsAt: number; readonly end: (nowMs: number) => void; readonly keys: BreakerKeys }[] =
      []
    let nowMs = 0
    for (const [index, { host, url, result, thenMs, takes }] of calls.entries()) {
      const keys = { provider: 'test', answers: `test/${host}/${url}`, connections: `test/${host}` }
      const permission = breakers.begin(keys, nowMs)
      if (permission !== 'refused') {
        const end = (endedMs: number) => breakers.ended(keys, permission, result, endedMs)
        underWay.push({ endsAt: index + takes, end, keys })
      }
      for (const call of underWay.filter(({ endsAt }) => endsAt <= index)) {
        underWay.splice(underWay.indexOf(call), 1)
        call.end(nowMs)
      }
      for (const { key, state, retryAtMs } of told.values()) {
        const probed = underWay.some(({ keys }) => keys.answers === key || keys.connections === key)
        if (state === 'open') expect(retryAtMs).toBeGreaterThan(0)
        if (state === 'half_open') expect(probed).toBe(true)
      }
      nowMs += thenMs
    }
    for (const { end } of underWay) end(nowMs)
    for (const host of ['one', 'two']) {
      const keys = { provider: 'test', answers: `test/${host}/a`, connections: `test/${host}` }
      expect(breakers.begin(keys, nowMs + 300_000)).not.toBe('refused')
    }
  })
  fc.assert(property, { seed: 1, numRuns: 500 })
})

test('as many breakers are remembered as may be, and an open one that is forgotten is told as closed', () => {
  const told = new Map<string, ProviderHealth>()
  const options = { failures: 1, halfOpenAfterMs: 30_000, maxHalfOpenAfterMs: 300_000 }
  const breakers = new Breakers(options, (health) => told.set(health.key, health))
  for (let number = 0; number < 12_000; number++) {
    const keys = { provider: 'test', answers: `test/host/${number}`, connections: 'test/host' }
    breakers.ended(keys, breakers.begin(keys, 0), down, 0)
  }
  const open = [...told.values()].filter(({ state }) => state === 'open')
  expect([breakers.count('test').open, open.length]).toEqual([9_999, 9_999])
})
