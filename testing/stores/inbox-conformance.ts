/** The part of the stores' conformance suite that is about inboxes. */
import { describe, expect, it } from 'vitest'
import type { Arrival } from '../../ingress/ports.js'
import { BadCursor } from '../../schemas/errors.js'
import type { InboxEntry } from '../../stages/deliver/providers/inbox.js'
import { eachStore, type OpenStore, startMs, testRetention } from './store-under-test.js'

export function describeInbox(open: OpenStore): void {
  describe('an inbox', () => {
    const store = eachStore(open)
    const entry = (id: string, afterMs: number, changes: Partial<InboxEntry> = {}): InboxEntry => {
      const acceptedAtMs = startMs + afterMs
      return {
        id,
        notificationId: `n-${id}`,
        tenant: 'default',
        recipient: 'anna',
        title: null,
        body: 'Hi',
        acceptedAtMs,
        metadata: '{}',
        ...changes,
      }
    }
    const idsOf = (arrivals: readonly Arrival[]) => arrivals.map(({ message }) => message.id)

    it('has each message once, newest accepted first, and knows what was read', async () => {
      const { inbox } = store()
      for (const put of [
        entry('b', 2),
        entry('c', 3, { title: 'T', metadata: '{"from":{"id":7}}' }),
        entry('a', 1),
        entry('a', 1, { body: 'again' }),
      ]) {
        await inbox.put(put)
      }
      await inbox.put(entry('d', 4, { recipient: 'ben' }))
      expect(await inbox.markRead('default', 'anna', 'a', startMs + 9)).toBe(true)
      expect(await inbox.markRead('default', 'anna', 'a', startMs + 99)).toBe(true)
      expect(await inbox.markRead('default', 'anna', 'd', startMs + 9)).toBe(false)
      const message = (id: string, ms: number) => ({
        id,
        notificationId: `n-${id}`,
        body: 'Hi',
        at: `2026-01-01T00:00:00.00${ms}Z`,
      })
      const first = await inbox.list('default', 'anna', 2)
      expect(first).toEqual({
        data: [{ ...message('c', 3), title: 'T', metadata: { from: { id: 7 } } }, message('b', 2)],
        nextCursor: expect.any(String),
        unread: 2,
      })
      const cursor = first.nextCursor ?? ''
      expect(await inbox.list('default', 'anna', 2, cursor)).toEqual({
        data: [{ ...message('a', 1), readAt: '2026-01-01T00:00:00.009Z' }],
        nextCursor: null,
        unread: 2,
      })
      await expect(inbox.list('default', 'ben', 2, cursor)).rejects.toThrow(BadCursor)
    })

    it('tells what arrived after a place, in the order of arrival', async () => {
      const { inbox } = store()
      const empty = await inbox.lastArrival('default', 'anna')
      expect(await inbox.arrivals('default', 'anna', empty, 9)).toEqual([])
      for (const put of [entry('b', 9), entry('c', 5), entry('b', 9, { body: 'again' })]) await inbox.put(put)
      const place = await inbox.lastArrival('default', 'anna')
      expect(await inbox.arrivals('default', 'anna', place, 9)).toEqual([])
      await inbox.put(entry('x', 20, { recipient: 'ben' }))
      await inbox.put(entry('d', 7, { title: 'T', metadata: '{"a":1}' }))
      await inbox.put(entry('a', 30))
      await inbox.markRead('default', 'anna', 'a', startMs + 40)
      expect(idsOf(await inbox.arrivals('default', 'anna', empty, 9))).toEqual(['b', 'c', 'd', 'a'])
      const [first, ...others] = await inbox.arrivals('default', 'anna', place, 1)
      const after = await inbox.arrivals('default', 'anna', first?.place ?? '', 9)
      const { data } = await inbox.list('default', 'anna', 9)
      expect([first, ...others, ...after].map((arrival) => arrival?.message)).toEqual(
        ['d', 'a'].map((id) => data.find((message) => message.id === id)),
      )
      expect(await inbox.arrivals('default', 'anna', after[0]?.place ?? '', 9)).toEqual([])
      expect(await inbox.arrivals('default', 'anna', await inbox.lastArrival('default', 'anna'), 9)).toEqual([])
    })

    it('gives each arrival once to who goes on and on, however few at a time', async () => {
      const { inbox } = store()
      const ids = Array.from({ length: 120 }, (_, at) => `m-${100 + at}`)
      let place = await inbox.lastArrival('default', 'anna')
      const given: string[] = []
      for (const [at, id] of ids.entries()) {
        await inbox.put(entry(id, at))
        if (at % 40 < 39) continue
        for (let more = true; more; ) {
          const arrivals = await inbox.arrivals('default', 'anna', place, 7)
          given.push(...idsOf(arrivals))
          place = arrivals.at(-1)?.place ?? place
          more = arrivals.length > 0
        }
      }
      expect(given).toEqual(ids)
    })

    it('goes on from a place whose message is gone', async () => {
      const { inbox } = store()
      await inbox.put(entry('a', 0))
      const place = await inbox.lastArrival('default', 'anna')
      await store().prune(startMs + testRetention.inboxMs + 1)
      expect((await inbox.list('default', 'anna', 9)).data).toEqual([])
      await inbox.put(entry('b', testRetention.inboxMs))
      expect(idsOf(await inbox.arrivals('default', 'anna', place, 9))).toEqual(['b'])
    })

    it('refuses a place that is none of it', async () => {
      const { inbox } = store()
      for (const id of ['a', 'b']) await inbox.put(entry(id, 0))
      const { nextCursor } = await inbox.list('default', 'anna', 1)
      const places = [await inbox.lastArrival('default', 'ben'), await inbox.lastArrival('other', 'anna')]
      for (const place of [...places, nextCursor ?? '', 'x', '']) {
        await expect(inbox.arrivals('default', 'anna', place, 9)).rejects.toThrow(BadCursor)
      }
    })

    it('loses messages that came long ago, and none for having been accepted long before it came', async () => {
      const { inbox } = store()
      await inbox.put(entry('a', 0))
      await store().prune(startMs + 5)
      await inbox.put(entry('b', -2 * testRetention.inboxMs))
      await store().prune(startMs + testRetention.inboxMs + 2)
      const listed = async () => (await inbox.list('default', 'anna', 10)).data.map(({ id }) => id)
      expect(await listed()).toEqual(['b'])
      await store().prune(startMs + testRetention.inboxMs + 10)
      expect(await listed()).toEqual([])
    })
  })
}
