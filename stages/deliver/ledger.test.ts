/** Promise 3: a provider is called again only when it must be. */
import { afterEach, expect, test, vi } from 'vitest'
import { down, pending, runDeliver, sent } from '../../testing/stages/deliver/deliver-sample.js'
import { deliveryOf } from '../../testing/stages/throttle/throttle-sample.js'
import type { SendResult } from './providers/provider.js'

afterEach(() => {
  vi.restoreAllMocks()
})

const never = () => new Promise<SendResult>(() => undefined)

test('a record that is read again after its commit is not called again', async () => {
  const run = runDeliver({ test: { answer: () => sent } })
  await run.release(deliveryOf('a'))
  await run.kill(() => run.release(deliveryOf('a')))
  await run.advance(60_000)
  expect(run.calls.map(({ key }) => key)).toEqual(['a'])
  expect(run.statuses()).toEqual([{ id: 'a', status: 'sent', final: true }])
  expect(run.log.unacked('deliver', { topic: wayOfMail, partition: 0 })).toBe(0)
})

test('nor is a retry or a deferral that is read again', async () => {
  const run = runDeliver({ test: { answer: () => down } })
  const first = deliveryOf('a')
  await run.release(first)
  const [retry] = run.back()
  if (!retry) throw new Error('It did not come back')
  await run.release(retry)
  await run.kill(() => run.release(first, retry))
  expect(run.calls.map(({ attempt }) => attempt)).toEqual([1, 2])
  await run.release({ ...retry, deferrals: 1 })
  expect(run.calls.map(({ attempt }) => attempt)).toEqual([1, 2, 2])
})

test('killed with a call under way, it calls again with the same key and the same attempt', async () => {
  const gate = pending()
  const run = runDeliver({ test: { answer: () => gate.promise } })
  await run.release(deliveryOf('a'))
  await run.kill()
  expect(run.calls.map(({ key, attempt }) => [key, attempt])).toEqual([
    ['a', 1],
    ['a', 1],
  ])
  gate.resolve(sent)
  await run.advance(0)
  expect(run.statuses()).toEqual([{ id: 'a', status: 'sent', final: true }])
})

test('for a provider that parks, the intent is committed before the call', async () => {
  const committed: string[][] = []
  const answer = () => {
    committed.push(run.commits.flatMap(({ changes }) => changes.map(({ key }) => key)))
    return sent
  }
  const run = runDeliver({ test: { answer, policy: { onUnknown: 'park' } } })
  await run.release(deliveryOf('a'), deliveryOf('b'))
  expect(committed).toEqual([
    ['a#0.0', 'b#0.0'],
    ['a#0.0', 'b#0.0'],
  ])
  expect(run.statuses().map(({ id, status }) => [id, status])).toEqual([
    ['a', 'sent'],
    ['b', 'sent'],
  ])
})

test('for one that does not, there is no commit before the call', async () => {
  const before: number[] = []
  const answer = () => {
    before.push(run.commits.length)
    return sent
  }
  const run = runDeliver({ test: { answer } })
  await run.release(deliveryOf('a'))
  expect(before).toEqual([0])
})

test('killed with a call under way to a provider that parks, it is not called again but kept for a person', async () => {
  const run = runDeliver({ test: { answer: never, policy: { onUnknown: 'park' } } })
  await run.release(deliveryOf('a'))
  await run.kill()
  await run.advance(60_000)
  expect(run.calls.length).toBe(1)
  expect(run.statuses()).toEqual([{ id: 'a', status: 'failed', final: true }])
  expect(run.deadLetters().map(({ cause }) => cause)).toEqual(['unknown-outcome'])
})

test('a provider that parks is tried again after a known failure as any other', async () => {
  const answers: SendResult[] = [down, { outcome: 'rate-limited', error: 'slow', retryAfterMs: 1000 }, sent]
  const answer = () => answers.shift() ?? sent
  const run = runDeliver({ test: { answer, policy: { onUnknown: 'park' } } }, { withThrottle: true })
  await run.release(deliveryOf('a'))
  await run.advance(60_000)
  expect(run.calls.map(({ attempt }) => attempt)).toEqual([1, 2, 2])
  expect([run.statuses().at(-1)?.status, run.deadLetters()]).toEqual(['sent', []])
})

test.each(['resend', 'park'] as const)(
  'while commits fail, a process that lives on repeats no call (%s)',
  async (onUnknown) => {
    let failing = false
    const answer = () => {
      failing = true
      return sent
    }
    const faults = { random: () => (failing ? 0 : 0.99), commitFails: 0.5 }
    const run = runDeliver({ test: { answer, policy: { onUnknown } } }, { faults })
    await run.release(...['a', 'b', 'c'].map((id) => deliveryOf(id)))
    await run.advance(60_000)
    expect(run.worker().restarts()).toBeGreaterThan(3)
    failing = false
    await run.advance(60_000)
    expect(run.calls.map(({ key }) => key)).toEqual(['a', 'b', 'c'])
    expect(run.statuses().map(({ id, status }) => `${id} ${status}`)).toEqual(['a sent', 'b sent', 'c sent'])
  },
)

test('nor of a call that was under way when the commit failed', async () => {
  const gate = pending()
  const answer = (request: { key: string }) => (request.key === 'slow' ? gate.promise : sent)
  const run = runDeliver({ test: { answer } })
  await run.release(deliveryOf('slow'))
  run.log.failNextCommit('write')
  await run.release(deliveryOf('quick'))
  await run.advance(5000)
  gate.resolve(sent)
  await run.advance(0)
  expect(run.worker().restarts()).toBe(1)
  expect(run.calls.map(({ key }) => key)).toEqual(['slow', 'quick'])
  expect(
    run
      .statuses()
      .map(({ id, status }) => `${id} ${status}`)
      .sort(),
  ).toEqual(['quick sent', 'slow sent'])
})

const wayOfMail = { stream: 'deliveries.released', lane: 'normal', channel: 'email' } as const
