import { afterEach, describe, expect, it, vi } from 'vitest'
import { BadCursor, Unavailable } from '../../schemas/errors.js'
import { closeAll, eventSource, type SentEvent, serveLive } from '../../testing/ingress/live/live-under-test.js'
import type { Arrival, InboxMessage, IngressPorts } from '../ports.js'
import { inboxBell } from './inbox-stream.js'

afterEach(closeAll)

const message = (number: number): InboxMessage => ({
  id: `m-${number}`,
  notificationId: `n-${number}`,
  body: `Message ${number}`,
  at: '2030-01-01T00:00:00.000Z',
  metadata: { order: number },
})
const event = (number: number): SentEvent => ({ event: 'message', id: `${number}`, data: message(number) })
const path = '/v1/recipients/user-42/inbox/stream'
const wake = { status: null, inbox: true }

/** An inbox that tests fill; places count from 1. A repeat is given once more, at a place of its own. */
async function serveInbox() {
  const arrivals: Arrival[] = []
  const inbox = { failure: null as Error | null, looks: 0 }
  const adapt = (ports: IngressPorts): IngressPorts => ({
    ...ports,
    inbox: {
      ...ports.inbox,
      lastArrival: async () => String(arrivals.length),
      arrivals: async (_tenant, _recipient, after, limit) => {
        inbox.looks += 1
        if (inbox.failure) throw inbox.failure
        const from = Number(after)
        if (!Number.isInteger(from)) throw new BadCursor('Not a place')
        return arrivals.slice(from, from + limit)
      },
    },
  })
  const live = await serveLive({}, adapt)
  const put = (...numbers: number[]) => {
    for (const number of numbers) arrivals.push({ message: message(number), place: String(arrivals.length + 1) })
  }
  return { ...live, inbox, put, stream: (headers = {}) => eventSource(`${live.url}${path}`, headers) }
}

describe('GET /v1/recipients/{id}/inbox/stream', () => {
  it('tells what comes from now on, each message with its place', async () => {
    const { put, stream, tell } = await serveInbox()
    put(1, 2)
    const { take, response } = await stream()
    put(3)
    tell(wake)
    expect(await take(1)).toEqual([event(3)])
    put(4, 5)
    tell(wake)
    expect(await take(2)).toEqual([event(4), event(5)])
    expect(response.headers.get('content-type')).toBe('text/event-stream')
  })

  it('begins with its place, so that a reader who saw nothing yet has where to go on', async () => {
    const { put, stream } = await serveInbox()
    put(1, 2)
    const { next } = await stream()
    expect([await next(), await next()]).toEqual([{ retry: '2000' }, { id: '2' }])
  })

  it('goes on exactly after Last-Event-ID, however much has come meanwhile', async () => {
    const { put, stream, tell } = await serveInbox()
    put(...Array.from({ length: 70 }, (_, at) => at + 1))
    const { take } = await stream({ 'last-event-id': '3' })
    expect(await take(67)).toEqual(Array.from({ length: 67 }, (_, at) => event(at + 4)))
    put(71)
    tell(wake)
    expect(await take(1)).toEqual([event(71)])
  })

  it('tells a message once though the store gives it twice', async () => {
    const { put, stream } = await serveInbox()
    put(1, 1, 2, 1, 3)
    const { take } = await stream({ 'last-event-id': '0' })
    const told = await take(3)
    expect(told.map(({ data }) => (data as InboxMessage).id)).toEqual(['m-1', 'm-2', 'm-3'])
  })

  it('tells all of a long inbox to a reader who takes it slowly', async () => {
    const { put, stream } = await serveInbox()
    const numbers = Array.from({ length: 5000 }, (_, at) => at + 1)
    put(...numbers)
    const { take } = await stream({ 'last-event-id': '0' })
    expect((await take(5000)).map(({ id }) => id)).toEqual(numbers.map(String))
  })

  it('is not woken by what concerns others, or no inbox', async () => {
    const { inbox, put, stream, tell } = await serveInbox()
    const { take } = await stream({ 'last-event-id': '0' })
    const before = inbox.looks
    tell({ status: 'delivered' })
    tell({ ...wake, recipient: 'user-7' })
    put(1)
    tell(wake)
    expect([await take(1), inbox.looks]).toEqual([[event(1)], before + 1])
  })

  it('goes on when the store is back', async () => {
    const { inbox, put, stream, tell } = await serveInbox()
    const { take } = await stream()
    inbox.failure = new Unavailable('no database')
    put(1)
    tell(wake)
    while (inbox.looks === 0) await new Promise((resolve) => setImmediate(resolve))
    inbox.failure = null
    tell(wake)
    expect(await take(1)).toEqual([event(1)])
  })

  it('is 400 with a place that is none of this inbox, 503 without the store, and watches no longer', async () => {
    const { inbox, stream, isWatched } = await serveInbox()
    const bad = await stream({ 'last-event-id': 'x' })
    expect([bad.response.status, await bad.response.json().catch(() => null)]).toEqual([400, null])
    inbox.failure = new Unavailable('no database')
    const away = await stream({ 'last-event-id': '0' })
    expect([away.response.status, isWatched()]).toEqual([503, false])
  })

  it('stops looking when its reader is gone', async () => {
    const { stream, unwatched } = await serveInbox()
    const { leave } = await stream()
    leave()
    await unwatched()
  })
})

it('the bell rings every 15 s by itself, and no more when the stream has ended', async () => {
  vi.useFakeTimers()
  const ending = new AbortController()
  const attention = { ready: Promise.resolve(), end: vi.fn() }
  const bell = inboxBell({ attend: () => attention }, { tenant: 'default', recipient: 'user-42' }, ending.signal)
  const rung: string[] = []
  const first = bell.rings().then(() => rung.push('first'))
  await vi.advanceTimersByTimeAsync(14_999)
  expect(rung).toEqual([])
  await vi.advanceTimersByTimeAsync(1)
  await first
  const second = bell.rings().then(() => rung.push('second'))
  ending.abort()
  await second
  expect([rung, attention.end.mock.calls.length, vi.getTimerCount()]).toEqual([['first', 'second'], 1, 0])
  vi.useRealTimers()
})
