/** Everything at once, in seeded disorder: whatever fails, each delivery leaves throttle exactly once. */
import { expect, test } from 'vitest'
import { seededRandom } from '../../pipeline/engine/seeded-random.js'
import { routed } from '../../schemas/outgoing.js'
import { at, cancelOf, deliveryOf, inBothTimes, limitTo } from '../../testing/stages/throttle/throttle-sample.js'

const count = 150

inBothTimes((runThrottle) => {
  test.each([1, 2, 3, 4])(
    'with failing commits, kills and restarts each delivery ends or goes, once (seed %i)',
    async (seed) => {
      const random = seededRandom(seed)
      const run = runThrottle(
        { window: 8, limitsOf: (name) => limitTo(name, name === 'slow' ? 40 : null) },
        { faults: { random: seededRandom(seed + 100), commitFails: 0.1 } },
      )
      const cancelled = new Set<string>()
      for (let index = 0; index < count; index++) {
        const id = `d-${index}`
        const waits = random() < 0.4 ? { notBeforeMs: at(run.afterMs() + Math.floor(random() * 2000)) } : {}
        const expires = random() < 0.1 ? { expiresAtMs: at(run.afterMs() + Math.floor(random() * 500)) } : {}
        const provider = random() < 0.5 ? 'slow' : 'test'
        await run.append(routed(deliveryOf(id, { provider, ...waits, ...expires })))
        if (random() < 0.2) {
          const other = `d-${Math.floor(random() * (index + 1))}`
          cancelled.add(other)
          await run.append(cancelOf(other))
        }
        const chance = random()
        if (chance < 0.03) await run.kill()
        else if (chance < 0.06) await run.restart()
        await run.advance(Math.floor(random() * 60))
        if (random() < 0.3) await run.finish(4)
      }
      for (let turn = 0; turn < count; turn++) {
        await run.advance(500)
        await run.finish(8)
      }
      const left = run.released().map(({ id }) => id)
      const ended = run.statuses().filter(({ final }) => final)
      const all = [...left, ...ended.map(({ id }) => id)].sort()
      expect(all).toEqual(Array.from({ length: count }, (_, index) => `d-${index}`).sort())
      const unasked = ended.filter(({ id, status }) => status === 'cancelled' && !cancelled.has(id))
      expect(unasked).toEqual([])
      expect([run.outstanding(), ended.length > 0, left.length > 0]).toEqual([0, true, true])
    },
  )
})
