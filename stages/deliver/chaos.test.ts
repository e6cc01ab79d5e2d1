/** Throttle and deliver together in seeded disorder: kills, failing commits, providers that fail, limit and hang, and time
 *  that passes between two reads of the clock. */
import { afterEach, expect, test, vi } from 'vitest'
import { seededRandom } from '../../pipeline/engine/seeded-random.js'
import { routed } from '../../schemas/outgoing.js'
import { runDeliver } from '../../testing/stages/deliver/deliver-sample.js'
import { deliveryOf } from '../../testing/stages/throttle/throttle-sample.js'
import type { SendResult } from './providers/provider.js'

afterEach(() => {
  vi.restoreAllMocks()
})

const count = 120
const hour = 3_600_000

test.each([1, 2, 3, 4])('each delivery ends once, and calls are repeated for kills only (seed %i)', async (seed) => {
  const random = seededRandom(seed)
  let disorder = true
  const chance = (of: number) => disorder && random() < of
  let life = 0
  const made: string[] = []
  const answer = async (request: { key: string; attempt: number }): Promise<SendResult> => {
    made.push(`${request.key}, attempt ${request.attempt}, life ${life}`)
    const waitMs = chance(0.05) ? 100_000 : Math.floor(random() * 200)
    await new Promise<void>((resolve) => {
      run.clock.scheduler.schedule(() => resolve(), waitMs)
    })
    if (chance(0.15)) return { outcome: 'transient', error: 'down' }
    if (chance(0.05)) return Promise.reject(new Error('broken'))
    return chance(0.03) ? { outcome: 'permanent', error: 'no' } : { outcome: 'sent' }
  }
  const faults = { random: seededRandom(seed + 50), commitFails: 0.05 }
  const passing = seededRandom(seed + 90)
  const passedMs = () => (passing() < 0.2 ? Math.floor(passing() * 3) : 0)
  const run = runDeliver(
    { test: { answer, policy: { concurrency: 4 } }, limited: { answer, policy: { ratePerSecond: 20 } } },
    { withThrottle: true, faults, random: seededRandom(seed + 70), passedMs },
  )
  for (let index = 0; index < count; index++) {
    const provider = random() < 0.5 ? 'test' : 'limited'
    const priority = random() < 0.3 ? 'high' : 'low'
    await run.append(routed(deliveryOf(`d-${index}`, { provider, priority })))
    await run.advance(Math.floor(random() * 100))
    if (chance(0.05)) {
      life++
      await run.kill()
    }
  }
  disorder = false
  await run.advance(2 * hour)
  const ends = run.statuses().filter(({ final }) => final)
  expect(ends.map(({ id }) => id).sort()).toEqual(Array.from({ length: count }, (_, index) => `d-${index}`).sort())
  expect(made.filter((call, index) => made.indexOf(call) < index)).toEqual([])
  expect([ends.some(({ status }) => status === 'sent'), run.worker().unacked(), life > 0]).toEqual([true, 0, true])
})
