import { expect, test } from 'vitest'
import { routed } from '../schemas/outgoing.js'
import { at, deliveryOf, runThrottle } from './throttle.sample.js'

const attempt = { number: 1, atMs: at(-1000), outcome: 'transient', error: 'down', latencyMs: 5 }

test('what can go at once is released at once and never touches the state', async () => {
  const run = runThrottle()
  const delivery = deliveryOf('a')
  await run.append(routed(delivery))
  const trail = [{ atMs: at(0), stage: 'throttle', event: 'released', channel: 'email', reason: null, detail: null }]
  expect(run.told('deliveries.released', 'delivery-released')).toEqual([
    {
      way: { topic: 'deliveries.released', lane: 'normal', channel: 'email' },
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

test('more than fit into one step are all released when they fall due together', async () => {
  const run = runThrottle()
  const ids = Array.from({ length: 700 }, (_, index) => `d-${String(index).padStart(3, '0')}`)
  await run.append(...ids.map((id) => routed(deliveryOf(id, { notBeforeMs: at(1000) }))))
  await run.advance(1010)
  expect(run.released().map(({ id }) => id)).toEqual(ids)
  expect(run.parked()).toEqual([])
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
  const run = runThrottle({ ratePerSecond: () => 1 })
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

test('a limit delays, keeps the order, drops nothing and spends no attempt', async () => {
  const run = runThrottle({ ratePerSecond: () => 10 })
  const ids = Array.from({ length: 35 }, (_, index) => `d-${index}`)
  await run.append(...ids.map((id) => routed(deliveryOf(id))))
  await run.advance(60_000)
  expect(run.released()).toEqual(ids.map((id, index) => ({ id, afterMs: (index + 1) * 100 })))
  const spent = run.told('deliveries.released', 'delivery-released').map(({ value }) => value.delivery.attempts.length)
  expect(spent).toEqual(ids.map(() => 0))
})

test('a limit holds for its provider and channel, and for nobody else', async () => {
  const run = runThrottle({
    ratePerSecond: (provider, channel) => (provider === 'slow' && channel === 'sms' ? 1 : null),
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

test('high goes before normal and normal before low, whoever came first', async () => {
  const run = runThrottle({ ratePerSecond: () => 10 })
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

test('no more than the window is ever out and unfinished, and each that is finished lets one go', async () => {
  const run = runThrottle({ window: 5 })
  const ids = Array.from({ length: 30 }, (_, index) => `d-${index}`)
  const out: number[] = []
  await run.append(...ids.map((id) => routed(deliveryOf(id))))
  const finished: string[] = []
  while (finished.length < ids.length) {
    await run.advance(1000)
    out.push(run.outstanding())
    finished.push(...(await run.finish(1)).map(({ id }) => id))
  }
  expect(finished).toEqual(ids)
  expect(out).toEqual([...Array(26).fill(5), 4, 3, 2, 1])
})

test('credit that comes back is used at that moment', async () => {
  const run = runThrottle({ window: 1 })
  await run.append(...['a', 'b'].map((id) => routed(deliveryOf(id))))
  await run.finish(1)
  expect(run.released()).toEqual([
    { id: 'a', afterMs: 0 },
    { id: 'b', afterMs: 0 },
  ])
})

test('the window holds across kills and restarts, and nothing is released twice', async () => {
  const run = runThrottle({ window: 5 }, { partitions: 2 })
  const ids = Array.from({ length: 60 }, (_, index) => `d-${index}`)
  await run.append(...ids.map((id, index) => routed(deliveryOf(id, { recipient: `user-${index}` }))))
  const finished: string[] = []
  const out: number[] = []
  for (let turn = 0; turn < 40; turn++) {
    await run.advance(150)
    out.push(run.outstanding())
    finished.push(...(await run.finish(3)).map(({ id }) => id))
    if (turn % 3 === 0) await run.kill()
    else if (turn % 3 === 1) await run.restart()
  }
  expect([...finished].sort()).toEqual([...ids].sort())
  expect(Math.max(...out)).toBe(10)
})

test('each lane has a window of its own, so a flood of low leaves room for high', async () => {
  const run = runThrottle({ window: 2 })
  await run.append(...['a', 'b', 'c', 'd'].map((id) => routed(deliveryOf(id, { priority: 'low' }))))
  await run.append(routed(deliveryOf('urgent', { priority: 'high' })))
  expect(
    run
      .released()
      .map(({ id }) => id)
      .sort(),
  ).toEqual(['a', 'b', 'urgent'])
})

test('a channel that stands still holds up its lane for a moment only', async () => {
  const run = runThrottle({ window: 2, patienceMs: 100 })
  const sms = (id: string) => routed(deliveryOf(id, { channel: 'sms', provider: 'texts' }))
  await run.append(sms('a'), sms('b'), sms('c'), routed(deliveryOf('mail')))
  await run.advance(99)
  expect(run.released().map(({ id }) => id)).toEqual(['a', 'b'])
  await run.advance(1)
  expect(run.released()).toEqual([
    { id: 'a', afterMs: 0 },
    { id: 'b', afterMs: 0 },
    { id: 'mail', afterMs: 100 },
  ])
})

test('nothing overtakes what waits for the same destination, in its lane', async () => {
  const run = runThrottle({ window: 1, patienceMs: 0 })
  await run.append(...['a', 'b', 'c'].map((id) => routed(deliveryOf(id))))
  const done = (await run.finish(1)).map(({ id }) => id)
  await run.append(routed(deliveryOf('d')))
  while (done.length < 4) {
    await run.advance(10)
    done.push(...(await run.finish(1)).map(({ id }) => id))
  }
  expect(done).toEqual(['a', 'b', 'c', 'd'])
})

test('what waits survives a kill and an orderly stop, goes at its time, and keeps its order', async () => {
  const run = runThrottle({ ratePerSecond: (provider) => (provider === 'slow' ? 10 : null) })
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
