/** The part of the stores' conformance suite that is about records. */
import { describe, expect, it } from 'vitest'
import type { RecordQuery } from '../../ingress/ports.js'
import { BadCursor } from '../../schemas/errors.js'
import type { NotificationRequested, NotificationStatus } from '../../schemas/events.js'
import { changesOf, type Merged, showChange } from '../../stages/record/changes.js'
import { mergeRecord } from '../../stages/record/merge.js'
import { showRecord } from '../../stages/record/show.js'
import { acceptedState } from '../../stages/record/state.js'
import { summaryOf } from '../../stages/summary.js'
import {
  allPages,
  eachStore,
  hourMs,
  type OpenStore,
  sampleEnd,
  sampleRequest,
  startMs,
  testRetention,
} from './store-under-test.js'

export function describeRecords(open: OpenStore): void {
  const store = eachStore(open)
  /** What the merge makes of a request and its events: the store must show the same. */
  const expected = (request: NotificationRequested, ...events: NotificationStatus[]) =>
    showRecord(mergeRecord(acceptedState(request.id, request.tenant, summaryOf(request)), events))
  const changesOfAll = (merged: readonly Merged[]) => merged.flatMap((one) => changesOf(one).map(showChange))
  const listed = async (query: Partial<RecordQuery>) =>
    (
      await allPages((cursor) =>
        store().records.list({ tenant: 'default', limit: 2, ...query, ...(cursor && { cursor }) }),
      )
    )
      .flat()
      .map(({ id }) => id)

  describe('a record', () => {
    it('is there as accepted, and only for its tenant', async () => {
      const request = sampleRequest('n-1', 0, {
        template: { id: 'welcome', version: 3 },
        channels: ['sms', 'email'],
        sendAtMs: startMs + hourMs,
        metadata: '{"order":7}',
        batchId: 'b-1',
        priority: 'high',
      })
      await store().accept([request])
      expect(await store().records.get('default', 'n-1')).toEqual(expected(request))
      expect(await store().records.get('default', 'n-2')).toBeUndefined()
      expect(await store().records.get('other', 'n-1')).toBeUndefined()
    })

    it('says of those that have ended how they did, and only for their tenant', async () => {
      const [first, second] = [sampleRequest('n-1', 0), sampleRequest('n-2', 0)]
      await store().accept([first, second])
      await store().merge([sampleEnd(first, 50)])
      const { records } = store()
      expect(await records.endsOf('default', ['n-1', 'n-2', 'n-3'])).toEqual(new Map([['n-1', 'sent']]))
      expect(await records.endsOf('other', ['n-1'])).toEqual(new Map())
    })

    it('shows what was merged, however often and in whatever order', async () => {
      const request = sampleRequest('n-1', 0)
      const sent = sampleEnd(request, 50)
      const on: NotificationStatus = {
        ...sampleEnd(request, 40),
        trail: [],
        deliveries: [
          {
            ...sent.deliveries[0],
            id: 'n-1:email',
            channel: 'email',
            provider: 'test',
            status: 'sending',
            final: false,
            siblings: 1,
            attempts: [],
          },
        ],
      }
      await store().accept([request])
      const first = await store().merge([sent])
      const again = [await store().merge([on, sent]), await store().merge([sent])]
      const at = '2026-01-01T00:00:00.050Z'
      expect(changesOfAll(first)).toEqual([
        { id: 'n-1', recipient: 'user-42', origin: 'native', status: 'sent', inbox: false, waitsAgain: false, at },
      ])
      expect(again.map(changesOfAll)).toEqual([[], []])
      expect(await store().records.get('default', 'n-1')).toEqual(expected(request, on, sent))
    })

    it('is made by events that come before what was asked is known', async () => {
      const request = sampleRequest('n-1', 0, { batchId: 'b-1' })
      const sent = sampleEnd(request, 50)
      const accepted: NotificationStatus = {
        ...sampleEnd(request, 0),
        status: 'accepted',
        deliveries: [],
        summary: summaryOf(request),
      }
      await store().merge([sent])
      await store().merge([accepted])
      expect(await store().records.get('default', 'n-1')).toEqual(expected(request, accepted, sent))
      expect(await listed({})).toEqual(['n-1'])
      expect(await store().records.batch('default', 'b-1')).toMatchObject({ total: 1, counts: { sent: 1 } })
    })

    it('is not touched by another acceptance of the same id', async () => {
      const request = sampleRequest('n-1', 0)
      const sent = sampleEnd(request, 50)
      await store().accept([request])
      await store().merge([sent])
      await store().accept([request])
      expect(await store().records.get('default', 'n-1')).toEqual(expected(request, sent))
    })

    it('of many notifications is merged in one go', async () => {
      const requests = Array.from({ length: 300 }, (_, at) => sampleRequest(`n-${at}`, at))
      await store().accept(requests)
      const merged = await store().merge(
        requests.flatMap((request) => [sampleEnd(request, 900), sampleEnd(request, 900)]),
      )
      const changes = changesOfAll(merged)
      expect(changes.map(({ id, status }) => `${id} ${status}`)).toEqual(requests.map(({ id }) => `${id} sent`))
      const last = requests[299] as NotificationRequested
      expect(await store().records.get('default', 'n-299')).toEqual(expected(last, sampleEnd(last, 900)))
    })
  })

  describe('the list of records', () => {
    const requests = [
      sampleRequest('n-1', 10, { channels: ['email', 'sms'] }),
      sampleRequest('n-2', 20, { recipient: 'user-7', channels: ['sms'], origin: 'c' }),
      sampleRequest('n-3', 20, { channels: null }),
      sampleRequest('n-4', 30, { origin: 'c' }),
      sampleRequest('n-5', 40, { recipient: 'user-7' }),
      sampleRequest('n-6', 50, { tenant: 'other' }),
    ] as const
    const fill = async () => {
      await store().accept(requests)
      await store().merge([
        sampleEnd(requests[0], 90),
        sampleEnd(requests[3], 90, 'failed'),
        sampleEnd(requests[2], 90),
      ])
    }

    it('is newest first, each once, page by page, and a tenant sees its own', async () => {
      await fill()
      expect(await listed({})).toEqual(['n-5', 'n-4', 'n-3', 'n-2', 'n-1'])
      expect(await listed({ limit: 5 })).toEqual(['n-5', 'n-4', 'n-3', 'n-2', 'n-1'])
      expect(await listed({ tenant: 'other' })).toEqual(['n-6'])
      expect(await listed({ tenant: 'nobody' })).toEqual([])
    })

    it('is filtered by status, channel, recipient and time, alone and together', async () => {
      await fill()
      expect(await listed({ statuses: ['sent'] })).toEqual(['n-3', 'n-1'])
      expect(await listed({ statuses: ['failed'] })).toEqual(['n-4'])
      expect(await listed({ statuses: ['accepted'] })).toEqual(['n-5', 'n-2'])
      expect(await listed({ statuses: ['expired'] })).toEqual([])
      expect(await listed({ channel: 'sms' })).toEqual(['n-2', 'n-1'])
      expect(await listed({ channel: 'email' })).toEqual(['n-5', 'n-4', 'n-3', 'n-1'])
      expect(await listed({ channel: 'telegraph' })).toEqual([])
      expect(await listed({ recipient: 'user-7' })).toEqual(['n-5', 'n-2'])
      expect(await listed({ recipient: 'user-7', channel: 'sms' })).toEqual(['n-2'])
      expect(await listed({ recipient: 'user-42', statuses: ['failed'] })).toEqual(['n-4'])
      expect(await listed({ fromMs: startMs + 20, toMs: startMs + 40 })).toEqual(['n-4', 'n-3', 'n-2'])
      expect(await listed({ statuses: ['failed'], fromMs: startMs + 31 })).toEqual([])
    })

    it('is filtered by any of several statuses, and by origin', async () => {
      await fill()
      await store().merge([sampleEnd(requests[4], 95, 'expired')])
      expect(await listed({ statuses: ['sent', 'failed'] })).toEqual(['n-4', 'n-3', 'n-1'])
      expect(await listed({ statuses: ['failed', 'expired', 'cancelled'] })).toEqual(['n-5', 'n-4'])
      expect(await listed({ statuses: ['failed', 'expired'], recipient: 'user-7' })).toEqual(['n-5'])
      expect(await listed({ origin: 'c' })).toEqual(['n-4', 'n-2'])
      expect(await listed({ origin: 'c', tenant: 'other' })).toEqual([])
      expect(await listed({ origin: 'c', statuses: ['accepted', 'processing'] })).toEqual(['n-2'])
      expect(await listed({ origin: 'c', statuses: ['failed', 'expired'] })).toEqual(['n-4'])
      expect(await listed({ origin: 'native', statuses: ['failed', 'expired', 'sent'] })).toEqual(['n-5', 'n-3', 'n-1'])
      expect(await listed({ origin: 'c', channel: 'sms', recipient: 'user-7' })).toEqual(['n-2'])
      expect(await listed({ origin: 'a' })).toEqual([])
    })

    it('gives whole records', async () => {
      await fill()
      const { data } = await store().records.list({ tenant: 'default', statuses: ['failed'], limit: 10 })
      expect(data).toEqual([expected(requests[3], sampleEnd(requests[3], 90, 'failed'))])
    })

    it('goes on with the same statuses in whatever order, and with no others', async () => {
      await fill()
      const list = (query: Partial<RecordQuery>) => store().records.list({ tenant: 'default', limit: 1, ...query })
      const { nextCursor } = await list({ statuses: ['sent', 'failed'], origin: 'native' })
      const cursor = nextCursor ?? ''
      const { data } = await list({ statuses: ['failed', 'sent'], origin: 'native', cursor })
      expect(data.map(({ id }) => id)).toEqual(['n-1'])
      await expect(list({ statuses: ['sent'], origin: 'native', cursor })).rejects.toThrow(BadCursor)
      await expect(list({ statuses: ['failed', 'sent'], origin: 'c', cursor })).rejects.toThrow(BadCursor)
      await expect(list({ statuses: ['failed', 'sent'], cursor })).rejects.toThrow(BadCursor)
    })

    it('refuses a cursor that is not one of the same query', async () => {
      await fill()
      const { nextCursor } = await store().records.list({ tenant: 'default', limit: 2 })
      const cursor = nextCursor ?? ''
      const refused = [
        { statuses: ['sent' as const], cursor },
        { origin: 'native', cursor },
        { recipient: 'user-7', cursor },
        { cursor: 'x' },
        { cursor: 'bnVsbA' },
      ]
      for (const query of refused) {
        await expect(store().records.list({ tenant: 'default', limit: 2, ...query })).rejects.toThrow(BadCursor)
      }
      const other = await store().records.list({ tenant: 'default', limit: 1, cursor })
      expect(other.data.map(({ id }) => id)).toEqual(['n-3'])
    })
  })

  describe('a batch', () => {
    it('is counted by status', async () => {
      const requests = [0, 1, 2, 3].map((at) => sampleRequest(`n-${at}`, at, { batchId: at === 3 ? 'b-2' : 'b-1' }))
      await store().accept(requests.slice(0, 2))
      await store().accept([sampleRequest('between', 1), ...requests.slice(2)])
      const [first] = requests
      await store().merge(first ? [sampleEnd(first, 90)] : [])
      expect(await store().records.batch('default', 'b-1')).toEqual({
        batchId: 'b-1',
        total: 3,
        createdAt: '2026-01-01T00:00:00.000Z',
        counts: { accepted: 2, sent: 1 },
      })
      expect(await store().records.batch('default', 'b-3')).toBeUndefined()
      expect(await store().records.batch('other', 'b-1')).toBeUndefined()
    })
  })

  describe('records that are old', () => {
    it('go when they have ended, with their batch, and only then', async () => {
      const requests = [
        sampleRequest('old', 0, { batchId: 'b-1' }),
        sampleRequest('unfinished', 0, { batchId: 'b-2' }),
        sampleRequest('young', 5 * hourMs, { batchId: 'b-1' }),
      ] as const
      await store().accept(requests)
      await store().merge([sampleEnd(requests[0], 90), sampleEnd(requests[2], 6 * hourMs)])
      await store().prune(startMs + testRetention.recordsMs + 90)
      expect(await listed({})).toEqual(['young', 'unfinished', 'old'])
      await store().prune(startMs + testRetention.recordsMs + 91)
      expect(await listed({})).toEqual(['young', 'unfinished'])
      expect(await store().records.get('default', 'old')).toBeUndefined()
      expect(await store().records.batch('default', 'b-1')).toMatchObject({ total: 1 })
      await store().prune(startMs + testRetention.recordsMs + 6 * hourMs + 1)
      expect(await store().records.batch('default', 'b-1')).toBeUndefined()
      await store().merge([sampleEnd(requests[1], 90)])
      await store().prune(startMs + testRetention.recordsMs + 6 * hourMs)
      expect(await listed({})).toEqual([])
    })

    it('stay as long after their end as any, however long ago they were accepted, and before many that go', async () => {
      const requests = Array.from({ length: 1201 }, (_, at) => sampleRequest(`n-${at}`, at))
      await store().accept(requests)
      const late = testRetention.recordsMs - hourMs
      await store().merge(requests.map((request, at) => sampleEnd(request, at < 600 ? late : 2000)))
      await store().prune(startMs + 2 * testRetention.recordsMs - hourMs - 1000)
      const left = async () =>
        (
          await store().records.endsOf(
            'default',
            requests.map(({ id }) => id),
          )
        ).size
      expect(await left()).toBe(600)
      await store().prune(startMs + 2 * testRetention.recordsMs - hourMs + 1000)
      expect(await left()).toBe(0)
    })

    it('go however many there are', async () => {
      const requests = Array.from({ length: 1201 }, (_, at) => sampleRequest(`n-${at}`, at))
      await store().accept(requests)
      await store().merge(requests.map((request) => sampleEnd(request, 2000)))
      await store().prune(startMs + 2 * testRetention.recordsMs)
      expect(await listed({})).toEqual([])
    })
  })
}
