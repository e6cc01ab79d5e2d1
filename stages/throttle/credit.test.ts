import { expect, test } from 'vitest'
import { routed } from '../../schemas/outgoing.js'
import { deliveryOf, inBothTimes, runThrottle } from '../../testing/stages/throttle/throttle-sample.js'

test('credit that comes back is used at that moment', async () => {
  const run = runThrottle({ window: 1 })
  await run.append(...['a', 'b'].map((id) => routed(deliveryOf(id))))
  await run.finish(1)
  expect(run.released()).toEqual([
    { id: 'a', afterMs: 0 },
    { id: 'b', afterMs: 0 },
  ])
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

test.each([
  ['hangs', 0],
  ['crawls', 1],
])('nor does one that %s hold up what comes behind more than fit in memory', async (_, finished) => {
  const run = runThrottle({ window: 2, patienceMs: 100 })
  const ids = Array.from({ length: 3000 }, (_, index) => `s-${index}`)
  await run.append(...ids.map((id) => routed(deliveryOf(id, { channel: 'sms', provider: 'texts' }))))
  await run.append(routed(deliveryOf('mail')))
  while (run.afterMs() < 300) {
    await run.advance(20)
    await run.finish(finished)
  }
  expect(run.released().find(({ id }) => id === 'mail')?.afterMs).toBeLessThan(200)
})

inBothTimes((runThrottle) => {
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

  test('one that is quick is waited for, without touching the state', async () => {
    const run = runThrottle({ window: 50, patienceMs: 100 })
    const ids = Array.from({ length: 3000 }, (_, index) => `s-${index}`)
    await run.append(...ids.map((id) => routed(deliveryOf(id))))
    for (let turn = 0; turn < 60; turn++) {
      await run.advance(10)
      await run.finish(50)
    }
    expect([run.released().map(({ id }) => id), run.commits.flatMap(({ changes }) => changes)]).toEqual([ids, []])
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
})
