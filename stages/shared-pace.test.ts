/** Throttle and deliver hold one limit together, each over all its workers. */
import { afterEach, expect, test, vi } from 'vitest'
import { routed } from '../schemas/outgoing.js'
import { type DeliverRunOptions, runDeliver, type SeenCall, sent } from '../testing/stages/deliver/deliver-sample.js'
import { deliveryOf, limitTo } from '../testing/stages/throttle/throttle-sample.js'

afterEach(() => {
  vi.restoreAllMocks()
})

const rate = 100
const spanMs = 5000

/** The parts of the limit that were used in all spans of 5 s, from the first second on. */
function used(calls: readonly SeenCall[], untilMs: number): { readonly least: number; readonly most: number } {
  const shares: number[] = []
  for (let fromMs = 1000; fromMs + spanMs <= untilMs; fromMs += 50) {
    const inSpan = calls.filter(({ afterMs }) => afterMs >= fromMs && afterMs < fromMs + spanMs).length
    shares.push((inSpan * 1000) / (rate * spanMs))
  }
  return { least: Math.min(...shares), most: Math.max(...shares) }
}

async function limitedRun(options: DeliverRunOptions) {
  const paced: DeliverRunOptions['options'] = {
    paceOf: ({ origin }) => (origin === 'c' ? 'c' : null),
    limitsOf: (_, channel, pace) => limitTo(`c ${channel}`, pace === 'c' ? rate : null),
  }
  const answer = async () => {
    await new Promise<void>((resolve) => {
      run.clock.scheduler.schedule(() => resolve(), 40)
    })
    return sent
  }
  const partitions = 8
  const run = runDeliver({ test: { answer } }, { withThrottle: true, partitions, options: paced, ...options })
  await run.advance(1000)
  const count = 2500
  const ofC = (index: number) => deliveryOf(`c-${index}`, { origin: 'c', recipient: `user-${index}` })
  await run.append(...Array.from({ length: count }, (_, index) => routed(ofC(index))))
  return run
}

test.each([
  [1, 1],
  [2, 2],
  [1, 2],
  [2, 1],
])(
  'over %i throttles and %i delivers a limit is used to 0.9 at least and 1.02 at most in any 5 s',
  async (throttle, deliver) => {
    const run = await limitedRun({ workers: { throttle, deliver } })
    const began = run.afterMs()
    await run.advance(16_000)
    const calls = run.calls.map((call) => ({ ...call, afterMs: call.afterMs - began }))
    const { least, most } = used(calls, 16_000)
    expect([least >= 0.9, most <= 1.02]).toEqual([true, true])
  },
)

test('other traffic of the same provider and channel does not wait behind what is limited', async () => {
  const run = await limitedRun({ workers: { throttle: 2, deliver: 2 } })
  await run.advance(2000)
  const natives = Array.from({ length: 100 }, (_, index) => deliveryOf(`n-${index}`, { recipient: `user-${index}` }))
  const before = run.afterMs()
  await run.append(...natives.map((delivery) => routed(delivery)))
  await run.advance(1000)
  const called = run.calls.filter(({ key }) => key.startsWith('n-')).map(({ afterMs }) => afterMs - before)
  expect([called.length, Math.max(...called) < 700]).toEqual([100, true])
})
