/** What every store must do, whatever it is made of. A store's test calls `describeStore` with how to open one. */
import { describe, expect, it } from 'vitest'
import type { DeadLetterFilter } from '../../ingress/ports.js'
import { BadCursor } from '../../schemas/errors.js'
import type { DeadLetter } from '../../schemas/events.js'
import type { OutboxEntry } from '../../stages/deliver/providers/outbox.js'
import { describeFigures } from './figures-conformance.js'
import { describeInbox } from './inbox-conformance.js'
import { describeRecords } from './record-conformance.js'
import { describeReferences } from './reference-conformance.js'
import { allPages, eachStore, hourMs, type OpenStore, startMs, testRetention } from './store-under-test.js'

export function describeStore(name: string, open: OpenStore): void {
  describe(`the store on ${name}`, () => {
    describeRecords(open)
    describeFigures(open)
    describeClaims(open)
    describeReferences(open)
    describeInbox(open)
    describeOutbox(open)
    describeDeadLetters(open)
  })
}

function describeClaims(open: OpenStore): void {
  describe('an idempotency key', () => {
    const store = eachStore(open)
    const claim = (bodyHash: string, answer: string) => ({ key: 'k', bodyHash, answer })
    const replayed = (answer: string) => ({ kind: 'replayed', answer, appended: false })

    it('gives its first answer again for the same body, and tells another body', async () => {
      expect(await store().claim('default', claim('a', 'first'), startMs)).toEqual({ kind: 'accepted' })
      const later = startMs + 23 * hourMs
      expect(await store().claim('default', claim('a', 'second'), later)).toEqual(replayed('first'))
      expect(await store().claim('default', claim('b', 'second'), later)).toEqual({ kind: 'reused' })
      expect(await store().claim('other', claim('b', 'second'), later)).toEqual({ kind: 'accepted' })
    })

    it('is free again after 24 hours, also where nothing was removed', async () => {
      await store().claim('default', claim('a', 'first'), startMs)
      const later = startMs + 24 * hourMs
      expect(await store().claim('default', claim('b', 'second'), later)).toEqual({ kind: 'accepted' })
      expect(await store().claim('default', claim('b', 'third'), later)).toEqual(replayed('second'))
      await store().prune(startMs + 47 * hourMs)
      expect(await store().claim('default', claim('a', 'x'), later)).toEqual({ kind: 'reused' })
      await store().prune(startMs + 49 * hourMs)
      expect(await store().claim('default', claim('a', 'fourth'), later)).toEqual({ kind: 'accepted' })
    })

    it('is free again when its own window is over, which is 24 hours at most', async () => {
      const claimFor = (windowMs: number, answer: string, afterMs: number) =>
        store().claim('default', { ...claim('a', answer), windowMs }, startMs + afterMs)
      expect(await claimFor(3 * hourMs, 'first', 0)).toEqual({ kind: 'accepted' })
      expect(await claimFor(hourMs, 'second', 3 * hourMs - 1)).toEqual(replayed('first'))
      expect(await claimFor(48 * hourMs, 'second', 3 * hourMs)).toEqual({ kind: 'accepted' })
      expect(await claimFor(hourMs, 'third', 27 * hourMs - 1)).toEqual(replayed('second'))
      expect(await claimFor(hourMs, 'third', 27 * hourMs)).toEqual({ kind: 'accepted' })
    })
  })
}

function describeOutbox(open: OpenStore): void {
  describe('the outbox', () => {
    const store = eachStore(open)
    const entry = (id: string): OutboxEntry => ({
      id,
      notificationId: 'n-1',
      tenant: 'default',
      channel: 'push',
      address: 'token',
      message: { subject: 'S', text: 'T', html: null, data: '{"a":1}' },
      keptAtMs: startMs,
    })

    it('has each message once, newest first', async () => {
      const { outbox } = store()
      for (const id of ['a', 'b', 'b', 'c']) await outbox.put(entry(id))
      const pages = await allPages((cursor) => outbox.list('default', 2, cursor))
      expect(pages.map((page) => page.map(({ id }) => id))).toEqual([['c', 'b'], ['a']])
      expect(pages[1]).toEqual([
        {
          id: 'a',
          notificationId: 'n-1',
          channel: 'push',
          address: 'token',
          message: { subject: 'S', text: 'T', data: { a: 1 } },
          at: '2026-01-01T00:00:00.000Z',
        },
      ])
      expect(await outbox.list('other', 2)).toEqual({ data: [], nextCursor: null })
    })

    it('keeps the newest messages only', async () => {
      const { outbox } = store()
      const ids = Array.from({ length: testRetention.outboxRows + 3 }, (_, at) => `m-${at}`)
      for (const id of ids) await outbox.put(entry(id))
      await store().prune(startMs)
      const { data } = await outbox.list('default', 100)
      expect(data.map(({ id }) => id)).toEqual(ids.slice(3).reverse())
    })
  })
}

function describeDeadLetters(open: OpenStore): void {
  describe('a dead letter', () => {
    const store = eachStore(open)
    const letter = (id: string, changes: Partial<DeadLetter> = {}): DeadLetter => ({
      id,
      tenant: 'default',
      atMs: startMs,
      stage: 'route',
      topic: 'notifications.rendered.high',
      partition: 2,
      offset: 41,
      cause: 'unreadable',
      detail: 'Cut short.',
      notificationId: null,
      key: Buffer.from('k'),
      value: Buffer.from([0, 1, 255]),
      headers: { traceparent: 'x' },
      replays: 0,
      ...changes,
    })
    const shown = {
      id: 'd-1',
      at: '2026-01-01T00:00:00.000Z',
      stage: 'route',
      topic: 'notifications.rendered.high',
      partition: 2,
      offset: 41,
      cause: 'unreadable',
      detail: 'Cut short.',
      replays: 0,
      status: 'dead',
      headers: { traceparent: 'x' },
    }

    it('is kept once with its original bytes', async () => {
      await store().putDeadLetter(letter('d-1'))
      await store().putDeadLetter(letter('d-1', { cause: 'other' }))
      const found = await store().deadLetters.get('d-1')
      expect(found?.record).toEqual({ ...shown, valueBase64: 'AAH/' })
      expect(Buffer.from(found?.letter.value ?? [])).toEqual(Buffer.from([0, 1, 255]))
      expect(Buffer.from(found?.letter.key ?? [])).toEqual(Buffer.from('k'))
      expect({ ...found?.letter, key: null, value: null }).toEqual(letter('d-1', { key: null, value: null }))
      expect(await store().deadLetters.list({ limit: 5 })).toEqual({ data: [shown], nextCursor: null })
      expect(await store().deadLetters.get('d-2')).toBeUndefined()
    })

    it('is listed newest first, by stage and cause', async () => {
      const { deadLetters } = store()
      await store().putDeadLetter(letter('d-1'))
      await store().putDeadLetter(letter('d-2', { stage: 'deliver', notificationId: 'n-1', value: null }))
      await store().putDeadLetter(letter('d-3', { cause: 'crash' }))
      const ids = async (query: { stage?: string; cause?: string }) =>
        (await allPages((cursor) => deadLetters.list({ ...query, limit: 1, ...(cursor && { cursor }) })))
          .flat()
          .map(({ id }) => id)
      expect(await ids({})).toEqual(['d-3', 'd-2', 'd-1'])
      expect(await ids({ stage: 'route' })).toEqual(['d-3', 'd-1'])
      expect(await ids({ stage: 'route', cause: 'unreadable' })).toEqual(['d-1'])
      expect(await ids({ cause: 'none' })).toEqual([])
      const { nextCursor } = await deadLetters.list({ limit: 1 })
      await expect(deadLetters.list({ stage: 'route', limit: 1, cursor: nextCursor ?? '' })).rejects.toThrow(BadCursor)
    })

    it('is listed by status and time too, newest first also where it came late', async () => {
      const { deadLetters } = store()
      for (const [id, afterMs] of Object.entries({ 'd-1': 20, 'd-2': 0, 'd-3': 10, 'd-4': 10, 'd-5': 30 })) {
        await store().putDeadLetter(
          letter(id, { atMs: startMs + afterMs, cause: id === 'd-5' ? 'crash' : 'unreadable' }),
        )
      }
      await store().markReplayed('d-3', 'replayed')
      await store().markReplayed('d-5', 'parked')
      const ids = async (filter: DeadLetterFilter) =>
        (await allPages((cursor) => deadLetters.list({ ...filter, limit: 2, ...(cursor && { cursor }) })))
          .flat()
          .map(({ id }) => id)
      expect(await ids({})).toEqual(['d-5', 'd-1', 'd-4', 'd-3', 'd-2'])
      expect(await ids({ fromMs: startMs + 10, toMs: startMs + 30 })).toEqual(['d-1', 'd-4', 'd-3'])
      expect(await ids({ status: 'dead', toMs: startMs + 20 })).toEqual(['d-4', 'd-2'])
      expect(await ids({ status: 'parked' })).toEqual(['d-5'])
      expect(await ids({ status: 'dead', stage: 'route', cause: 'unreadable', fromMs: startMs + 1 })).toEqual([
        'd-1',
        'd-4',
      ])
      const { nextCursor } = await deadLetters.list({ status: 'dead', limit: 1 })
      const cursor = nextCursor ?? ''
      await expect(deadLetters.list({ status: 'parked', limit: 1, cursor })).rejects.toThrow(BadCursor)
    })

    it('is counted by stage and cause, the most frequent first, up to a bound', async () => {
      const { deadLetters } = store()
      const put = (id: string, changes: Partial<DeadLetter>) => store().putDeadLetter(letter(id, changes))
      await put('d-1', { stage: 'route' })
      for (const id of ['d-2', 'd-3', 'd-4']) await put(id, { stage: 'deliver', cause: 'refused', atMs: startMs + 5 })
      await put('d-5', { stage: 'deliver', cause: 'attempts-exhausted' })
      await store().markReplayed('d-4', 'replayed')
      const refused = { stage: 'deliver', cause: 'refused' }
      const exhausted = { stage: 'deliver', cause: 'attempts-exhausted', count: 1 }
      const unreadable = { stage: 'route', cause: 'unreadable', count: 1 }
      expect(await deadLetters.count({}, 6)).toEqual({
        groups: [{ ...refused, count: 3 }, exhausted, unreadable],
        complete: true,
      })
      expect(await deadLetters.count({ stage: 'deliver', status: 'dead', fromMs: startMs + 1 }, 6)).toEqual({
        groups: [{ ...refused, count: 2 }],
        complete: true,
      })
      expect(await deadLetters.count({ cause: 'none' }, 6)).toEqual({ groups: [], complete: true })
      const { groups, complete } = await deadLetters.count({}, 4)
      expect([groups.reduce((sum, { count }) => sum + count, 0), complete]).toEqual([4, false])
    })

    it('is marked as replayed once, and goes when it is old', async () => {
      await store().putDeadLetter(letter('d-1'))
      await store().putDeadLetter(letter('d-2', { atMs: startMs + 5 }))
      expect(await store().markReplayed('d-1', 'replayed')).toBe(true)
      expect(await store().markReplayed('d-1', 'parked')).toBe(false)
      expect(await store().markReplayed('d-3', 'replayed')).toBe(false)
      expect((await store().deadLetters.get('d-1'))?.record.status).toBe('replayed')
      await store().prune(startMs + testRetention.deadLettersMs + 1)
      const { data } = await store().deadLetters.list({ limit: 5 })
      expect(data.map(({ id }) => id)).toEqual(['d-2'])
    })
  })
}
