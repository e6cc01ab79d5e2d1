import { expect, test } from 'vitest'
import { routed } from '../../schemas/outgoing.js'
import { at, deliveryOf, runThrottle } from '../../testing/stages/throttle/throttle-sample.js'

test('what another worker parked goes at its time, though nothing tells of the partition that came over', async () => {
  const run = runThrottle({}, { partitions: 2 })
  const ids = Array.from({ length: 20 }, (_, index) => `d-${index}`)
  await run.append(
    ...ids.map((id, index) => routed(deliveryOf(id, { recipient: `u-${index}`, notBeforeMs: at(20_000) }))),
  )
  run.another()
  await run.advance(10_000)
  await run.stop(run.worker())
  await run.advance(15_000)
  expect(
    run
      .released()
      .map(({ id }) => id)
      .sort(),
  ).toEqual([...ids].sort())
  expect(Math.max(...run.released().map(({ afterMs }) => afterMs))).toBeLessThanOrEqual(at(21_000) - at(0))
})
