import { afterEach, expect, test, vi } from 'vitest'
import { type DeliverRun, down, pending, runDeliver, sent } from '../../testing/stages/deliver/deliver-sample.js'
import { deliveryOf } from '../../testing/stages/throttle/throttle-sample.js'
import type { DeliverObserver, ProviderLoad } from './observer.js'

afterEach(() => {
  vi.restoreAllMocks()
})

/** Notes what is put back; `loads` asks every life that has not ended. */
function noting() {
  const putBack: (readonly string[])[] = []
  const lives = new Set<() => readonly ProviderLoad[]>()
  const observer: DeliverObserver = {
    putBack: ({ id }, reason) => putBack.push([id, reason]),
    began(loads) {
      lives.add(loads)
      return () => lives.delete(loads)
    },
  }
  return { observer, putBack, loads: () => [...lives].map((loads) => loads()) }
}

const closed = { closed: 1, open: 0, half_open: 0 }
const unknown = { closed: 0, open: 0, half_open: 0 }

test('what goes back is told with the reason: a failure, a limit, an open breaker', async () => {
  const { observer, putBack } = noting()
  const limited = { outcome: 'rate-limited', error: 'slow', retryAfterMs: 1000 } as const
  const answers = { 'd-0': sent, 'd-1': limited } as const
  const answer = ({ delivery }: { delivery: { id: string } }) => answers[delivery.id as keyof typeof answers] ?? down
  const run = runDeliver({ test: { answer } }, { observer })
  for (let number = 0; number < 8; number++) await run.release(deliveryOf(`d-${number}`))
  await run.advance(10)
  expect(putBack).toEqual([
    ['d-1', 'rate-limited'],
    ...['d-2', 'd-3', 'd-4', 'd-5', 'd-6'].map((id) => [id, 'transient']),
    ['d-7', 'breaker-open'],
  ])
})

test('calls under way, those in line and the breakers are told by provider', async () => {
  const { observer, loads } = noting()
  const held = pending()
  const run = runDeliver(
    { busy: { answer: () => held.promise, policy: { concurrency: 2 } }, idle: { answer: () => sent } },
    { observer },
  )
  await run.release(...['a', 'b', 'c'].map((id) => deliveryOf(id, { provider: 'busy' })))
  const idle = { provider: 'idle', calling: 0, waiting: 0, breakers: unknown }
  expect(loads()).toEqual([[{ provider: 'busy', calling: 2, waiting: 1, breakers: closed }, idle]])
  held.resolve(sent)
  await run.advance(0)
  expect(loads()).toEqual([[{ provider: 'busy', calling: 0, waiting: 0, breakers: closed }, idle]])
})

test('a breaker is counted as it stands, for each part of the provider', async () => {
  const { observer, loads } = noting()
  const destination = ({ address }: { address: string }) => address
  const answer = ({ delivery }: { delivery: { address: string } }) => (delivery.address === 'ill' ? down : sent)
  const run = runDeliver({ test: { answer, destination } }, { observer })
  const breakers = () => loads()[0]?.[0]?.breakers
  await release(run, 'well', 1)
  await release(run, 'ill', 4)
  expect(breakers()).toEqual({ closed: 2, open: 0, half_open: 0 })
  await release(run, 'ill', 1)
  expect(breakers()).toEqual({ closed: 1, open: 1, half_open: 0 })
})

test('a life that has ended tells nothing any more', async () => {
  const { observer, loads } = noting()
  const run = runDeliver({ test: { answer: () => sent } }, { observer })
  await run.advance(0)
  expect(loads().length).toBe(1)
  await run.restart()
  expect(loads().length).toBe(1)
  await run.stop(run.worker())
  expect(loads()).toEqual([])
})

let made = 0
async function release(run: DeliverRun, address: string, count: number): Promise<void> {
  for (let each = 0; each < count; each++) await run.release(deliveryOf(`${address}-${made++}`, { address }))
}
