import { afterEach, expect, test, vi } from 'vitest'
import { routed } from '../../schemas/outgoing.js'
import { type DeliverRun, down, pending, runDeliver, sent } from '../../testing/stages/deliver/deliver-sample.js'
import { at, deliveryOf } from '../../testing/stages/throttle/throttle-sample.js'

afterEach(() => {
  vi.restoreAllMocks()
})

function names(count: number, prefix = 'd'): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index}`)
}

function changes(run: DeliverRun): (string | number | null)[][] {
  return run
    .health()
    .map(({ key, state, atMs, retryAtMs }) => [key, state, atMs - at(0), retryAtMs === null ? null : retryAtMs - at(0)])
}

test('five failures in a row open the breaker, and what comes then is put off without a call or an attempt', async () => {
  const run = runDeliver({ test: { answer: () => down } })
  for (const id of names(5)) await run.release(deliveryOf(id))
  expect(changes(run)).toEqual([['test', 'open', 0, 30_000]])
  await run.release(...names(20, 'later').map((id) => deliveryOf(id)))
  await run.advance(1000)
  expect(run.calls.length).toBe(5)
  const deferred = run.back().slice(5)
  expect(deferred.map(({ attempts, deferrals }) => [attempts.length, deferrals])).toEqual(Array(20).fill([0, 1]))
  const waits = deferred.map(({ notBeforeMs }) => (notBeforeMs ?? 0) - at(30_000))
  expect(waits.every((waitMs) => waitMs >= 0 && waitMs < 7500)).toBe(true)
  expect(new Set(waits).size).toBeGreaterThan(15)
  expect(deferred[0]?.trail.map(({ event, reason }) => [event, reason])).toEqual([['deferred', 'breaker-open']])
})

test('what an open breaker puts off goes back little by little', async () => {
  const run = runDeliver({ test: { answer: () => down } })
  for (const id of names(5)) await run.release(deliveryOf(id))
  await run.release(...names(20, 'later').map((id) => deliveryOf(id)))
  const back: number[] = []
  for (let turn = 0; turn < 5; turn++) {
    await run.advance(10)
    back.push(run.back().length - 5)
  }
  expect(back).toEqual([5, 10, 15, 20, 20])
})

test('a success in between starts the count anew', async () => {
  let call = 0
  const run = runDeliver({ test: { answer: () => (++call % 5 === 0 ? sent : down) } })
  for (const id of names(20)) await run.release(deliveryOf(id))
  expect([changes(run), run.calls.length]).toEqual([[], 20])
})

test.each([
  ['a recipient’s fault', { outcome: 'recipient', error: 'gone' }],
  ['a refusal', { outcome: 'permanent', error: 'no' }],
  ['a limit', { outcome: 'rate-limited', error: 'slow', retryAfterMs: 1000 }],
] as const)('%s does not open it', async (_, result) => {
  const run = runDeliver({ test: { answer: () => result } })
  for (const id of names(12)) await run.release(deliveryOf(id))
  expect([changes(run), run.calls.length]).toEqual([[], 12])
})

test('after its time one probe goes alone; if it fails the breaker stays open, if it works all go', async () => {
  let well = false
  const probe = pending()
  const answer = () => (run.calls.length === 6 ? probe.promise : well ? sent : down)
  const run = runDeliver({ test: { answer } })
  for (const id of names(5)) await run.release(deliveryOf(id))
  await run.advance(30_000)
  await run.release(deliveryOf('probe'), deliveryOf('with-it'), deliveryOf('and-it'))
  expect(run.calls.map(({ key }) => key).slice(5)).toEqual(['probe'])
  probe.resolve(down)
  await run.advance(0)
  expect(run.calls.length).toBe(6)
  well = true
  await run.advance(30_000)
  await run.release(deliveryOf('a'), deliveryOf('b'))
  expect(run.calls.map(({ key }) => key).slice(6)).toEqual(['a', 'b'])
  expect(changes(run)).toEqual([
    ['test', 'open', 0, 30_000],
    ['test', 'half_open', 30_000, null],
    ['test', 'open', 30_000, 60_000],
    ['test', 'half_open', 60_000, null],
    ['test', 'closed', 60_000, null],
  ])
})

test('each host has a breaker of its own', async () => {
  const destination = ({ address }: { address: string }) => new URL(address).host
  const answer = (request: { delivery: { address: string } }) =>
    request.delivery.address.includes('ill') ? down : sent
  const run = runDeliver({ test: { answer, destination } })
  const hook = (id: string, host: string) => deliveryOf(id, { address: `https://${host}/` })
  for (const id of names(5)) await run.release(hook(id, 'ill.example'))
  await run.release(hook('a', 'ill.example'), hook('b', 'well.example'))
  expect(run.calls.map(({ key }) => key).slice(5)).toEqual(['b'])
  expect(run.health()).toEqual([
    {
      key: 'test/ill.example',
      tenant: 'default',
      provider: 'test',
      state: 'open',
      atMs: at(0),
      retryAtMs: at(30_000),
    },
  ])
})

test('a provider that is away for an hour costs few calls, and afterwards everything arrives once', async () => {
  const answer = () => (run.afterMs() < 3_600_000 ? down : sent)
  const run = runDeliver({ test: { answer } }, { withThrottle: true })
  const ids = names(60)
  await run.append(...ids.map((id) => routed(deliveryOf(id, { priority: 'high' }))))
  await run.advance(2 * 3_600_000)
  const ends = run.statuses().filter(({ final }) => final)
  const arrived = ends.filter(({ status }) => status === 'sent').map(({ id }) => id)
  expect(ends.length).toBe(ids.length)
  expect(new Set(arrived).size).toBe(arrived.length)
  const inVain = run.calls.filter(({ afterMs }) => afterMs < 3_600_000).length
  // One probe each half minute, and what was under way when it opened.
  expect(inVain).toBeLessThan(120 + 20)
})

test('a process that ended with an open breaker leaves nobody held back by it', async () => {
  const answer = () => (run.afterMs() < 10_000 ? down : sent)
  const run = runDeliver({ test: { answer } }, { withThrottle: true })
  const ids = names(50)
  await run.append(...ids.map((id) => routed(deliveryOf(id))))
  await run.advance(9000)
  expect(run.health().map(({ state }) => state)).toEqual(['open'])
  await run.kill()
  await run.advance(60_000)
  await run.append(...names(50, 'later').map((id) => routed(deliveryOf(id))))
  await run.advance(60_000)
  expect(run.statuses().filter(({ status }) => status === 'sent').length).toBe(100)
})
