import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Unavailable } from '../../schemas/errors.js'
import { testClient } from '../../testing/ingress/test-client.js'
import type { Acceptance } from '../ports.js'
import { acceptOnce } from './accept-once.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** Answers one after the other, the last one again and again. */
async function ask(...answers: readonly Acceptance[]) {
  const { fake, post } = testClient()
  await post('/v1/notifications', { to: 'u', content: { body: 'x' } })
  const [notification] = fake.accepted
  if (!notification) throw new Error('Nothing was accepted')
  let asked = 0
  const accept = async (): Promise<Acceptance> => {
    const answer = answers[Math.min(asked++, answers.length - 1)]
    if (!answer) throw new Error('No answer')
    return answer
  }
  const owner = acceptOnce({ accept }, { ...notification, id: 'mine' }, { key: 'k' })
  owner.catch(() => undefined)
  await vi.advanceTimersByTimeAsync(20_000)
  return { owner: await owner.catch((error: unknown) => error), asked }
}

const inFlight = { kind: 'in-flight' } as const

test('a new key is the notification’s', async () => {
  expect(await ask({ kind: 'accepted' })).toEqual({ owner: { id: 'mine', isNew: true }, asked: 1 })
})

test('a known key is that of the first one', async () => {
  const replayed = { kind: 'replayed', answer: 'first', appended: false } as const
  expect(await ask(replayed)).toEqual({ owner: { id: 'first', isNew: false }, asked: 1 })
})

test('a key whose first request failed is new: that request’s notification goes out now', async () => {
  const replayed = { kind: 'replayed', answer: 'first', appended: true } as const
  expect(await ask(replayed)).toEqual({ owner: { id: 'first', isNew: true }, asked: 1 })
})

test('a request waits for another one with its key that is under way', async () => {
  const replayed = { kind: 'replayed', answer: 'first', appended: false } as const
  expect(await ask(inFlight, inFlight, replayed)).toEqual({ owner: { id: 'first', isNew: false }, asked: 3 })
})

test('a request gives up where the other one does not end', async () => {
  expect((await ask(inFlight)).owner).toBeInstanceOf(Unavailable)
})
