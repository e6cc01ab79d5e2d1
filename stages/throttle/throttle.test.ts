import { expect, test } from 'vitest'
import { routed } from '../../schemas/outgoing.js'
import {
  at,
  deliveryOf,
  everyOne,
  inBothTimes,
  limitTo,
  runThrottle,
} from '../../testing/stages/throttle/throttle-sample.js'

const attempt = { number: 1, atMs: at(-1000), outcome: 'transient', error: 'down', latencyMs: 5, messageId: null }

test('what can go at once is released at once and never touches the state', async () => {
  const run = runThrottle()
  const delivery = deliveryOf('a')
  await run.append(routed(delivery))
  const trail = [{ atMs: at(0), stage: 'throttle', event: 'released', channel: 'email', reason: null, detail: null }]
  expect(run.told('deliveries.released', 'delivery-released')).toEqual([
    {
      topic: { stream: 'deliveries.released', lane: 'normal', channel: 'email' },
      value: { delivery: { ...delivery, trail }, releasedAtMs: at(0) },
      afterMs: 0,
    },
  ])
  expect(run.told('notifications.status', 'notification-status').map(({ value }) => value)).toEqual([
    {
      eventId: 'a-released-0-0',
      notificationId: 'n-a',
      tenant: 'default',
      recipient: 'user-42',
      atMs: at(0),
      status: null,
      duplicateOf: null,
      summary: null,
      deliveries: [
        {
          id: 'a',
          channel: 'email',
          provider: 'test',
          status: 'sending',
          final: false,
          siblings: 1,
          attempts: [],
        },
      ],
      trail,
      traceparent: null,
    },
  ])
  expect(run.commits.flatMap(({ changes }) => changes)).toEqual([])
})

test('a delivery that is not due waits, says so, and goes at its very time', async () => {
  const run = runThrottle()
  await run.append(routed(deliveryOf('a', { notBeforeMs: at(90_000) })))
  expect([run.released(), run.statuses()]).toEqual([[], [{ id: 'a', status: 'scheduled', final: false }]])
  await run.advance(89_999)
  expect(run.released()).toEqual([])
  await run.advance(1)
  expect(run.released()).toEqual([{ id: 'a', afterMs: 90_000 }])
  expect(run.statuses().at(-1)).toEqual({ id: 'a', status: 'sending', final: false })
  const [gone] = run.told('deliveries.released', 'delivery-released')
  expect(gone?.value.delivery.trail.map(({ atMs, event, reason, detail }) => [atMs, event, reason, detail])).toEqual([
    [at(0), 'parked', 'send-at', 'until 2030-01-01T00:01:30.000Z'],
    [at(90_000), 'released', null, null],
  ])
  expect(run.parked()).toEqual([])
})

test('of many that wait, each goes at its own time, however they came', async () => {
  const run = runThrottle()
  const waits = Array.from({ length: 300 }, (_, index) => ((index * 7919) % 1009) + 1)
  await run.append(...waits.map((waitMs) => routed(deliveryOf(`d-${waitMs}`, { notBeforeMs: at(waitMs) }))))
  await run.advance(2000)
  expect(run.released().map(({ id, afterMs }) => id === `d-${afterMs}`)).toEqual(waits.map(() => true))
})

test.each([
  ['retry', { attempts: [attempt] }],
  ['deferral', { deferrals: 1 }],
])('a %s waits for its time without being told as scheduled again', async (_, changes) => {
  const run = runThrottle()
  await run.append(routed(deliveryOf('a', { ...changes, notBeforeMs: at(500) })))
  expect([run.released(), run.statuses()]).toEqual([[], []])
  await run.advance(500)
  expect(run.released()).toEqual([{ id: 'a', afterMs: 500 }])
})

test('what has expired is not released: on arrival, after its wait, or when its destination opens', async () => {
  const run = runThrottle({ limitsOf: everyOne(1) })
  await run.append(
    routed(deliveryOf('late', { expiresAtMs: at(0) })),
    routed(deliveryOf('slept', { notBeforeMs: at(100), expiresAtMs: at(50) })),
    routed(deliveryOf('first')),
    routed(deliveryOf('limited', { expiresAtMs: at(1500) })),
    routed(deliveryOf('last')),
  )
  await run.advance(10_000)
  expect(run.released()).toEqual([
    { id: 'first', afterMs: 1000 },
    { id: 'last', afterMs: 2000 },
  ])
  expect(run.statuses().filter(({ final }) => final)).toEqual([
    { id: 'late', status: 'expired', final: true },
    { id: 'slept', status: 'expired', final: true },
    { id: 'limited', status: 'expired', final: true },
  ])
  expect(run.parked()).toEqual([])
})

test('what waits survives a kill and an orderly stop, goes at its time, and keeps its order', async () => {
  const run = runThrottle({ limitsOf: (name) => limitTo(name, name === 'slow' ? 10 : null) })
  const slow = Array.from({ length: 6 }, (_, index) => `slow-${index}`)
  await run.append(
    ...slow.map((id) => routed(deliveryOf(id, { provider: 'slow' }))),
    routed(deliveryOf('timed', { notBeforeMs: at(5000) })),
  )
  await run.advance(250)
  await run.kill()
  await run.advance(250)
  await run.restart()
  await run.advance(10_000)
  const ids = run.released().map(({ id }) => id)
  expect(ids.filter((id) => id !== 'timed')).toEqual(slow)
  expect(run.released().filter(({ id }) => id === 'timed')).toEqual([{ id: 'timed', afterMs: 5000 }])
  expect(run.parked()).toEqual([])
})

inBothTimes((runThrottle) => {
  test('more than fit into one step are all released when they fall due together', async () => {
    const run = runThrottle()
    const ids = Array.from({ length: 700 }, (_, index) => `d-${String(index).padStart(3, '0')}`)
    await run.append(...ids.map((id) => routed(deliveryOf(id, { notBeforeMs: at(1000) }))))
    await run.advance(1010)
    expect(run.released().map(({ id }) => id)).toEqual(ids)
    expect(run.parked()).toEqual([])
  })

  test('high goes before normal and normal before low, whoever came first', async () => {
    const run = runThrottle({ limitsOf: everyOne(10) })
    const flood = (priority: 'high' | 'normal' | 'low', count: number) =>
      Array.from({ length: count }, (_, index) => routed(deliveryOf(`${priority}-${index}`, { priority })))
    await run.append(...flood('low', 10), ...flood('normal', 5))
    await run.advance(200)
    await run.append(...flood('high', 5))
    await run.advance(60_000)
    expect(run.released().map(({ id }) => id)).toEqual([
      ...['normal-0', 'normal-1'],
      ...Array.from({ length: 5 }, (_, index) => `high-${index}`),
      ...['normal-2', 'normal-3', 'normal-4'],
      ...Array.from({ length: 10 }, (_, index) => `low-${index}`),
    ])
  })

  test.each(['write', 'answer'] as const)(
    'a commit that fails (its %s) while the parked go loses and doubles none',
    async (how) => {
      const run = runThrottle()
      const ids = Array.from({ length: 20 }, (_, index) => `d-${index}`)
      await run.append(...ids.map((id, index) => routed(deliveryOf(id, { notBeforeMs: at(100 + (index % 4)) }))))
      run.log.failNextCommit(how)
      await run.advance(5000)
      expect(
        run
          .released()
          .map(({ id }) => id)
          .sort(),
      ).toEqual([...ids].sort())
      expect(run.worker().restarts()).toBe(1)
    },
  )
})
