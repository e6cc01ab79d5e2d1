import { expect, test } from 'vitest'
import type { BreakerState, ProviderHealth } from '../../schemas/events.js'
import { routed } from '../../schemas/outgoing.js'
import { at, deliveryOf, inBothTimes, runThrottle } from '../../testing/stages/throttle/throttle-sample.js'

function healthOf(key: string, state: BreakerState, atMs: number, retryAtMs: number | null = null): ProviderHealth {
  return {
    key,
    tenant: 'default',
    provider: key.split('/')[0] ?? key,
    state,
    atMs,
    retryAtMs,
    sinceMs: atMs,
    lastError: 'down',
  }
}

const ids = ['a', 'b', 'c', 'd']

test('an open breaker holds everything back, one probe goes at its time, and when it closes all flow', async () => {
  const run = runThrottle()
  run.health.next(healthOf('test', 'open', at(0), at(30_000)))
  await run.append(...ids.map((id) => routed(deliveryOf(id))))
  expect(run.statuses()).toEqual([{ id: 'a', status: 'scheduled', final: false }])
  await run.advance(29_999)
  expect(run.released()).toEqual([])
  await run.advance(1)
  expect(run.released()).toEqual([{ id: 'a', afterMs: 30_000 }])
  run.health.next(healthOf('test', 'half_open', at(30_000)))
  await run.advance(5000)
  expect(run.released().length).toBe(1)
  run.health.next(healthOf('test', 'closed', at(35_000)))
  await run.advance(0)
  expect(run.released()).toEqual([
    { id: 'a', afterMs: 30_000 },
    ...['b', 'c', 'd'].map((id) => ({ id, afterMs: 35_000 })),
  ])
})

test('a probe that fails is followed by another, after the time that the breaker says', async () => {
  const run = runThrottle()
  run.health.next(healthOf('test', 'open', at(0), at(30_000)))
  await run.append(...ids.map((id) => routed(deliveryOf(id))))
  await run.advance(30_000)
  run.health.next(healthOf('test', 'half_open', at(30_000)))
  await run.advance(1000)
  run.health.next(healthOf('test', 'open', at(31_000), at(61_000)))
  await run.advance(100_000)
  expect(run.released().slice(0, 2)).toEqual([
    { id: 'a', afterMs: 30_000 },
    { id: 'b', afterMs: 61_000 },
  ])
})

test('when no bad news comes of a probe in its time, all flow: whoever had the breaker may have begun anew', async () => {
  const run = runThrottle({ probeEveryMs: 10_000 })
  run.health.next(healthOf('test', 'open', at(0), at(30_000)))
  await run.append(...ids.map((id) => routed(deliveryOf(id))))
  await run.advance(55_000)
  expect(run.released().map(({ afterMs }) => afterMs)).toEqual([30_000, 40_000, 40_000, 40_000])
})

test('a URL in trouble holds up no other URL of its host, and a host in trouble all of them', async () => {
  const part = ({ address }: { address: string }) => `https://one.example/${address}`
  const run = runThrottle({}, {}, undefined, part)
  const hook = (id: string, address: string) =>
    routed(deliveryOf(id, { channel: 'webhook', provider: 'webhook', address }))
  run.health.next(healthOf('webhook/https://one.example/1111aaaa', 'open', at(0), at(30_000)))
  await run.append(hook('a', '1111aaaa'), hook('b', '2222bbbb'), hook('c', '1111aaaa'))
  expect(run.released().map(({ id }) => id)).toEqual(['b'])
  run.health.next(healthOf('webhook/https://one.example', 'open', at(0), at(60_000)))
  await run.append(hook('d', '3333cccc'))
  await run.advance(59_999)
  expect(run.released().map(({ id }) => id)).toEqual(['b'])
  run.health.next(healthOf('webhook/https://one.example/1111aaaa', 'closed', at(0)))
  run.health.next(healthOf('webhook/https://one.example', 'closed', at(0)))
  await run.advance(0)
  expect(
    run
      .released()
      .map(({ id }) => id)
      .sort(),
  ).toEqual(['a', 'b', 'c', 'd'])
})

test('from when a breaker first holds it back, it counts when a delivery is given up', async () => {
  const run = runThrottle()
  run.health.next(healthOf('test', 'open', at(0), at(30_000)))
  await run.append(routed(deliveryOf('a')), routed(deliveryOf('b', { triedFromMs: at(-5000) })))
  run.health.next(healthOf('test', 'closed', at(0)))
  await run.append(routed(deliveryOf('c')))
  const gone = run.told('deliveries.released', 'delivery-released').map(({ value }) => value.delivery)
  expect(gone.map(({ id, triedFromMs }) => [id, triedFromMs])).toEqual([
    ['a', at(0)],
    ['b', at(-5000)],
    ['c', null],
  ])
})

test('what a breaker holds back survives a kill, and can expire meanwhile', async () => {
  const run = runThrottle()
  run.health.next(healthOf('test', 'open', at(0), at(30_000)))
  await run.append(routed(deliveryOf('a', { expiresAtMs: at(5000) })), routed(deliveryOf('b')))
  await run.advance(10_000)
  await run.kill()
  await run.advance(20_000)
  expect(run.released()).toEqual([{ id: 'b', afterMs: 30_000 }])
  expect(run.statuses().filter(({ final }) => final)).toEqual([{ id: 'a', status: 'expired', final: true }])
})

test('what becomes due while its breaker is open says what it waits for now', async () => {
  const run = runThrottle()
  run.health.next(healthOf('test', 'open', at(0), at(30_000)))
  await run.append(routed(deliveryOf('a', { notBeforeMs: at(1000) })))
  await run.advance(30_000)
  const [gone] = run.told('deliveries.released', 'delivery-released')
  expect(gone?.value.delivery.trail.map(({ atMs, event, reason }) => [atMs, event, reason])).toEqual([
    [at(0), 'parked', 'send-at'],
    [at(1000), 'parked', 'breaker-open'],
    [at(30_000), 'released', null],
  ])
})

test('when a breaker closes, more than are read at once go without waiting for anything else', async () => {
  const run = runThrottle()
  run.health.next(healthOf('test', 'open', at(0), at(30_000)))
  const many = Array.from({ length: 600 }, (_, index) => `d-${index}`)
  await run.append(...many.map((id) => routed(deliveryOf(id))))
  run.health.next(healthOf('test', 'closed', at(0)))
  await run.advance(10)
  expect(run.released().map(({ id }) => id)).toEqual(many)
})

test('a breaker of a process whose clock is an hour ahead holds back no longer than its own wait', async () => {
  const run = runThrottle()
  const hourMs = 3_600_000
  run.health.next(healthOf('test', 'open', at(hourMs), at(hourMs + 30_000)))
  await run.append(routed(deliveryOf('a')))
  await run.advance(60_000)
  expect(run.released()).toEqual([{ id: 'a', afterMs: 30_000 }])
})

inBothTimes((runThrottle) => {
  test('a host in trouble holds up neither other hosts nor other providers', async () => {
    const run = runThrottle()
    const hook = (id: string, host: string) =>
      routed(deliveryOf(id, { channel: 'webhook', provider: 'webhook', address: `https://${host}/hook` }))
    run.health.next(healthOf('webhook/ill.example', 'open', at(0), at(30_000)))
    await run.append(hook('a', 'ill.example'), hook('b', 'well.example'), hook('c', 'ill.example'))
    await run.append(routed(deliveryOf('d')))
    expect(run.released().map(({ id }) => id)).toEqual(['b', 'd'])
    run.health.next(healthOf('webhook/ill.example', 'closed', at(0)))
    await run.advance(0)
    expect(run.released().map(({ id }) => id)).toEqual(['b', 'd', 'a', 'c'])
  })
})
