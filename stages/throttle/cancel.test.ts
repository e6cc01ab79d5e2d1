import { expect, test } from 'vitest'
import { routed } from '../../schemas/outgoing.js'
import {
  at,
  cancelOf,
  deliveryOf,
  everyOne,
  inBothTimes,
  runThrottle,
  type ThrottleRun,
} from '../../testing/stages/throttle/throttle-sample.js'

const attempt = { number: 1, atMs: at(0), outcome: 'transient', error: 'down', latencyMs: 5, messageId: null }

/** The trail events of what was told last of a notification. */
function lastTrail(run: ThrottleRun): readonly (string | null)[][] {
  const last = run.told('notifications.status', 'notification-status').at(-1)
  return last?.value.trail.map(({ event, reason }) => [event, reason]) ?? []
}

const refused = [['cancel-refused', 'already-out']]

test('what is out already is not cancelled, and the command is refused', async () => {
  const run = runThrottle()
  await run.append(routed(deliveryOf('a')), cancelOf('a'))
  expect(run.released()).toEqual([{ id: 'a', afterMs: 0 }])
  expect(lastTrail(run)).toEqual(refused)
  expect(run.told('notifications.status', 'notification-status').at(-1)?.value).toMatchObject({
    notificationId: 'n-a',
    status: null,
    deliveries: [],
  })
})

inBothTimes((runThrottle) => {
  test('what waits for its time is cancelled and never released', async () => {
    const run = runThrottle()
    await run.append(routed(deliveryOf('a', { notBeforeMs: at(1000) })), cancelOf('a'))
    expect(run.statuses().at(-1)).toEqual({ id: 'a', status: 'cancelled', final: true })
    expect(lastTrail(run)).toEqual([
      ['parked', 'send-at'],
      ['cancelled', null],
    ])
    await run.advance(120_000)
    expect([run.released(), run.parked()]).toEqual([[], []])
  })

  test('so is what waits for its destination, after a restart too, and what waits behind it goes on', async () => {
    const run = runThrottle({ limitsOf: everyOne(1) })
    await run.append(...['a', 'b', 'c'].map((id) => routed(deliveryOf(id))))
    await run.kill()
    await run.append(cancelOf('b'))
    await run.advance(10_000)
    expect(run.released().map(({ id }) => id)).toEqual(['a', 'c'])
    expect(run.statuses().filter(({ final }) => final)).toEqual([{ id: 'b', status: 'cancelled', final: true }])
  })

  test('so is what waits in its lane for credit, without having been parked yet', async () => {
    const run = runThrottle({ window: 1 })
    await run.append(...['a', 'b'].map((id) => routed(deliveryOf(id))), cancelOf('b'))
    await run.advance(1000)
    await run.finish(1)
    await run.advance(1000)
    expect(run.released().map(({ id }) => id)).toEqual(['a'])
    expect(run.statuses().at(-1)).toEqual({ id: 'b', status: 'cancelled', final: true })
  })

  test('every delivery of the notification that waits is cancelled, and no other', async () => {
    const run = runThrottle()
    const of = (name: string, notificationId: string) =>
      routed(deliveryOf(name, { notificationId, notBeforeMs: at(1000), siblings: 2 }))
    await run.append(of('a1', 'n-a'), of('a2', 'n-a'), of('ab', 'n-ab'), cancelOf('a'))
    await run.advance(1000)
    expect(run.released().map(({ id }) => id)).toEqual(['ab'])
    expect(run.statuses().filter(({ final }) => final)).toEqual([
      { id: 'a1', status: 'cancelled', final: true },
      { id: 'a2', status: 'cancelled', final: true },
    ])
  })

  test('its later retry and its later deferral are cancelled, within the memory of a cancel', async () => {
    const run = runThrottle({ cancelMemoryMs: 60_000 })
    const retry = routed(deliveryOf('a', { attempts: [attempt] }))
    const deferral = routed(deliveryOf('b', { deferrals: 1 }))
    await run.append(cancelOf('a'), cancelOf('b'))
    await run.restart()
    await run.append(retry, deferral)
    expect([run.released(), run.statuses()]).toEqual([
      [],
      [
        { id: 'a', status: 'cancelled', final: true },
        { id: 'b', status: 'cancelled', final: true },
      ],
    ])
    await run.advance(60_000)
    await run.append(retry)
    expect(run.released().map(({ id }) => id)).toEqual(['a'])
  })

  test('a replay that begins anew is not held to an old cancel', async () => {
    const run = runThrottle()
    await run.append(cancelOf('a'), routed(deliveryOf('a', { id: 'a.r1', replays: 1 })))
    expect(run.released().map(({ id }) => id)).toEqual(['a.r1'])
  })

  test.each(['~', '~a', 'a/b', 'a%2Fb', 'ä ö'])('ids like %s are found as any other', async (name) => {
    const run = runThrottle()
    const notBeforeMs = at(1000)
    const notificationId = name
    await run.append(routed(deliveryOf(`${name}.email`, { notificationId, notBeforeMs })), {
      ...cancelOf(name),
      value: { ...cancelOf(name).value, id: name },
    } as ReturnType<typeof cancelOf>)
    expect(run.statuses().at(-1)).toEqual({ id: `${name}.email`, status: 'cancelled', final: true })
  })
})
