import { expect, test } from 'vitest'
import { partitionOf } from '../../pipeline/engine/murmur2.js'
import type { Delivery } from '../../schemas/events.js'
import { recipientKey, routed } from '../../schemas/outgoing.js'
import { deliveryOf, everyOne, limitTo, runThrottle } from '../../testing/stages/throttle/throttle-sample.js'

test('a limit delays, keeps the order, drops nothing and spends no attempt', async () => {
  const run = runThrottle({ limitsOf: everyOne(10) })
  const ids = Array.from({ length: 35 }, (_, index) => `d-${index}`)
  await run.append(...ids.map((id) => routed(deliveryOf(id))))
  await run.advance(60_000)
  expect(run.released()).toEqual(ids.map((id, index) => ({ id, afterMs: (index + 1) * 100 })))
  const spent = run.told('deliveries.released', 'delivery-released').map(({ value }) => value.delivery.attempts.length)
  expect(spent).toEqual(ids.map(() => 0))
})

test('a limit holds for its provider and channel, and for nobody else', async () => {
  const run = runThrottle({
    limitsOf: (provider, channel) => limitTo('slow', provider === 'slow' && channel === 'sms' ? 1 : null),
  })
  const slow = { provider: 'slow', channel: 'sms' }
  await run.append(
    routed(deliveryOf('a', slow)),
    routed(deliveryOf('b', slow)),
    routed(deliveryOf('c', { provider: 'slow', channel: 'push' })),
    routed(deliveryOf('d', { provider: 'quick', channel: 'sms' })),
  )
  await run.advance(5000)
  expect(run.released()).toEqual([
    { id: 'd', afterMs: 0 },
    { id: 'c', afterMs: 0 },
    { id: 'a', afterMs: 1000 },
    { id: 'b', afterMs: 2000 },
  ])
})

test('what waits for the pace of its class holds up nobody else on its channel, in any lane', async () => {
  const run = runThrottle({
    paceOf: ({ origin }) => (origin === 'c' ? 'c' : null),
    limitsOf: (_, channel, pace) => limitTo(`c ${channel}`, pace === 'c' ? 1 : null),
  })
  const ofC = (id: string) => routed(deliveryOf(id, { origin: 'c', priority: 'high' }))
  await run.append(...['c-1', 'c-2', 'c-3'].map(ofC))
  await run.append(routed(deliveryOf('mine', { priority: 'high' })), routed(deliveryOf('low', { priority: 'low' })))
  await run.append(routed(deliveryOf('sms', { origin: 'c', channel: 'sms' })))
  await run.advance(10_000)
  expect(run.released()).toEqual([
    { id: 'mine', afterMs: 0 },
    { id: 'low', afterMs: 0 },
    { id: 'c-1', afterMs: 1000 },
    { id: 'sms', afterMs: 1000 },
    { id: 'c-2', afterMs: 2000 },
    { id: 'c-3', afterMs: 3000 },
  ])
})

test('a limit that many wait for goes around: partitions and destinations of a lane have their turns', async () => {
  const run = runThrottle({ limitsOf: everyOne(10) }, { partitions: 4 })
  const hook = (host: string, index: number) =>
    routed(
      deliveryOf(`${host}-${index}`, {
        ...{ channel: 'webhook', provider: 'webhook', recipient: `user-${index}` },
        address: `https://${host}.example/hook`,
      }),
    )
  const each = Array.from({ length: 40 }, (_, index) => index)
  await run.append(...each.map((index) => hook('one', index)), ...each.map((index) => hook('two', index)))
  await run.advance(3200)
  const ofUser = run.told('deliveries.released', 'delivery-released')
  const partition = ({ recipient }: { recipient: string }) =>
    partitionOf(Buffer.from(recipientKey('default', recipient)), 4)
  const count = (of: (value: Delivery) => unknown) => {
    const counts = new Map<unknown, number>()
    for (const { value } of ofUser) counts.set(of(value.delivery), (counts.get(of(value.delivery)) ?? 0) + 1)
    return [...counts.values()]
  }
  expect([count(partition), count(({ id }) => id.slice(0, 3))]).toEqual([
    [8, 8, 8, 8],
    [16, 16],
  ])
})
