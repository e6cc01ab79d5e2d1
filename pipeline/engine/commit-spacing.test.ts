import fc from 'fast-check'
import { Subject, VirtualTimeScheduler } from 'rxjs'
import { expect, test } from 'vitest'
import { commitSpacing } from './commit-spacing.js'
import { seededRandom } from './seeded-random.js'

/** When the next commit may begin after one that acked so many, if it is asked at once. */
async function waited(acked: number, urgentAtMs?: number, passedMs?: () => number): Promise<number> {
  const clock = new VirtualTimeScheduler()
  if (passedMs) {
    clock.now = () => {
      clock.frame += passedMs()
      return clock.frame
    }
  }
  const changed = new Subject<void>()
  const spacing = commitSpacing(100, clock)
  let urgent = false
  let atMs = Number.NaN
  spacing.began(acked)
  const passed = spacing
    .passed(changed, () => urgent)
    .then(() => {
      atMs = clock.now()
    })
  if (urgentAtMs !== undefined) {
    clock.schedule(() => {
      urgent = true
      changed.next()
    }, urgentAtMs)
  }
  await Promise.resolve()
  const { actions } = clock
  while (Number.isNaN(atMs) && actions.length > 0) {
    clock.maxFrames = actions[0]?.delay ?? 0
    clock.flush()
    await new Promise((resolve) => setImmediate(resolve))
  }
  await passed
  return atMs
}

test('a commit that settled many is followed by the next after its time', async () => {
  expect(await waited(64)).toBe(100)
})

test('a trickle waits for nothing', async () => {
  expect(await waited(63)).toBe(0)
})

test('what is urgent waits no longer', async () => {
  expect(await waited(500, 30)).toBe(30)
})

test('the next begins in any case, wherever time passes between two reads of the clock', async () => {
  const property = fc.asyncProperty(
    fc.nat(500),
    fc.option(fc.nat(300)),
    fc.integer(),
    async (acked, urgentAtMs, seed) => {
      const random = seededRandom(seed)
      const passedMs = () => (random() < 0.5 ? Math.floor(random() * 150) : 0)
      const atMs = await waited(acked, urgentAtMs ?? undefined, passedMs)
      expect(atMs).toBeLessThan(1000)
    },
  )
  await fc.assert(property, { seed: 1, numRuns: 200 })
})
