import { once } from 'node:events'
import { connect } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { Unavailable } from '../../schemas/errors.js'
import type { NotificationRecord } from '../../schemas/record.js'
import {
  changeOf,
  closeAll,
  eventSource,
  openSocket,
  refusedWith,
  serveLive,
} from '../../testing/ingress/live/live-under-test.js'
import { testClient } from '../../testing/ingress/test-client.js'

afterEach(closeAll)

const at = '2030-01-01T00:00:01.000Z'
const key = { apiKey: 'secret-key' }
const bearer = { authorization: 'Bearer secret-key' }
/** More than loopback's sockets take, in changes with ids of 200 characters. */
const portion = 200
const maxPortions = 5000
const longId = 'n'.repeat(200)

/** A served app that knows one notification of user-42. */
async function serveOne(change: Partial<NotificationRecord> = {}) {
  const live = await serveLive()
  const sent = await fetch(`${live.url}/v1/notifications`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ to: 'user-42', content: { body: 'Hello' } }),
  })
  const { id } = (await sent.json()) as { id: string }
  live.fake.record(id, change)
  return { ...live, id }
}

describe('GET /v1/events', () => {
  it('tells every change of a status as it happens, and nothing else', async () => {
    const { url, tell } = await serveLive()
    const events = await eventSource(`${url}/v1/events`)
    expect([events.response.status, events.response.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
    tell({})
    tell({ status: null, inbox: true })
    tell({ status: 'delivered' })
    tell({ id: 'n-2', recipient: 'user-7', status: 'failed' })
    expect(await events.next()).toEqual({ retry: '2000' })
    expect(await events.take(3)).toEqual([
      { event: 'status', data: { id: 'n-1', status: 'processing', at } },
      { event: 'status', data: { id: 'n-1', status: 'delivered', at } },
      { event: 'status', data: { id: 'n-2', status: 'failed', at } },
    ])
  })

  it('tells those of one notification, of one recipient, or of both', async () => {
    const { url, tell } = await serveLive()
    const ask = (query: string) => eventSource(`${url}/v1/events?${query}`)
    const asked = await Promise.all(
      ['notification=n-1', 'recipient=user-42', 'notification=n-1&recipient=user-7'].map(ask),
    )
    tell({ id: 'n-1', recipient: 'user-42' })
    tell({ id: 'n-2', recipient: 'user-42' })
    tell({ id: 'n-1', recipient: 'user-7', status: 'failed' })
    for (const id of ['n-1', 'n-2'])
      for (const recipient of ['user-42', 'user-7']) tell({ id, recipient, status: 'sent' })
    const told = await Promise.all([asked[0]?.take(4), asked[1]?.take(4), asked[2]?.take(2)])
    expect(told.map((events) => events?.map(({ data }) => (data as { status: string }).status))).toEqual([
      ['processing', 'failed', 'sent', 'sent'],
      ['processing', 'processing', 'sent', 'sent'],
      ['failed', 'sent'],
    ])
  })

  it('begins with the status as it is now where it is asked for one notification', async () => {
    const { url, tell, id } = await serveOne({ status: 'scheduled' })
    const events = await eventSource(`${url}/v1/events?notification=${id}`)
    const others = await eventSource(`${url}/v1/events?notification=${id}&recipient=user-7`)
    const unknown = await eventSource(`${url}/v1/events?notification=n-9`)
    tell({ id, status: 'cancelled' })
    tell({ id, recipient: 'user-7', status: 'sent' })
    tell({ id: 'n-9', status: 'accepted' })
    const statuses = async (source: typeof events, count: number) =>
      (await source.take(count)).map(({ data }) => (data as { status: string }).status)
    expect(await statuses(events, 3)).toEqual(['scheduled', 'cancelled', 'sent'])
    expect(await statuses(others, 1)).toEqual(['sent'])
    expect(await statuses(unknown, 1)).toEqual(['accepted'])
  })

  it('is 503 where the status that it is to begin with cannot be read, and watches no longer', async () => {
    const { url, fake, isWatched } = await serveLive()
    fake.failure = new Unavailable('no database')
    const answer = await fetch(`${url}/v1/events?notification=n-1`)
    expect([answer.status, answer.headers.get('retry-after'), isWatched()]).toEqual([503, '1', false])
  })

  it('watches only while somebody listens', async () => {
    const { url, isWatched, unwatched } = await serveLive()
    const one = await eventSource(`${url}/v1/events`)
    const other = await eventSource(`${url}/v1/events?recipient=user-42`)
    one.leave()
    await fetch(`${url}/v1/events`, { method: 'HEAD' })
    expect(isWatched()).toBe(true)
    other.leave()
    await unwatched()
  })

  it('drops a reader who stops reading, and keeps on telling the others', async () => {
    const { url, port, tell, isWatched } = await serveLive()
    const slow = connect(port, '127.0.0.1')
    slow.on('error', () => undefined)
    slow.write('GET /v1/events?recipient=user-42 HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n')
    await once(slow, 'data')
    slow.pause()
    await flood(tell, isWatched)
    const gone = once(slow, 'close')
    slow.resume()
    await gone
    const events = await eventSource(`${url}/v1/events`)
    tell({})
    expect(await events.take(1)).toEqual([{ event: 'status', data: { id: 'n-1', status: 'processing', at } }])
  })

  it('keeps a reader who reads, however many changes come at once', async () => {
    const { url, tell } = await serveLive()
    const events = await eventSource(`${url}/v1/events`)
    const ids = Array.from({ length: 10_000 }, (_, number) => `n-${number}`)
    for (const id of ids) tell({ id })
    const told = await events.take(ids.length)
    expect(told.map(({ data }) => (data as { id: string }).id)).toEqual(ids)
  })

  it('needs the key in the header where there is one, and never in the URL', async () => {
    const { url } = await serveLive(key)
    const status = async (query: string, headers = {}) =>
      (await eventSource(`${url}/v1/events${query}`, headers)).response.status
    expect(await status('')).toBe(401)
    expect(await status('', bearer)).toBe(200)
    for (const name of ['token', 'key', 'api_key', 'apikey', 'access_token']) {
      expect(await status(`?${name}=secret-key`), name).toBe(400)
      expect(await status(`?${name}=secret-key`, bearer), name).toBe(400)
    }
    const refused = await (await fetch(`${url}/v1/events?token=secret-key`)).json()
    expect(refused).toMatchObject({
      errors: [
        {
          path: 'token',
          message:
            'The key does not belong into the URL: send the header Authorization, or as first message {"token": …}.',
        },
      ],
    })
  })

  it('refuses what it does not know in its query', async () => {
    const { get } = testClient()
    for (const query of ['status=sent', 'notification=', `recipient=${'x'.repeat(257)}`]) {
      expect((await get(`/v1/events?${query}`)).status, query).toBe(400)
    }
  })
})

describe('GET /v1/ws', () => {
  it('tells changes as messages, by the same filters and from the same beginning', async () => {
    const { url, tell, id } = await serveOne({ status: 'scheduled' })
    const all = await openSocket(`${url}/v1/ws`)
    const one = await openSocket(`${url}/v1/ws?notification=${id}`)
    const recipients = await openSocket(`${url}/v1/ws?recipient=user-7`)
    const [first] = await one.take(1)
    tell({ id, status: 'processing' })
    tell({ id: 'n-2', recipient: 'user-7', status: 'sent' })
    expect(first).toEqual({ id, status: 'scheduled', at: expect.any(String) })
    expect(await one.take(1)).toEqual([{ id, status: 'processing', at }])
    expect(await recipients.take(1)).toEqual([{ id: 'n-2', status: 'sent', at }])
    expect(await all.take(2)).toEqual([
      { id, status: 'processing', at },
      { id: 'n-2', status: 'sent', at },
    ])
  })

  it('takes the key in the header or as the first message, and closes with 4401 without it', async () => {
    const { url, tell } = await serveLive(key)
    const byHeader = await openSocket(`${url}/v1/ws`, { headers: bearer })
    const byMessage = await openSocket(`${url}/v1/ws`)
    tell({ status: 'accepted' })
    expect(await byHeader.take(1)).toEqual([{ id: 'n-1', status: 'accepted', at }])
    byMessage.socket.send('{"token": "secret-key"}')
    byMessage.socket.send('what comes later is ignored')
    while (byMessage.messages.length === 0) {
      tell({ status: 'sent' })
      await turn()
    }
    expect(byMessage.messages[0]).toEqual({ id: 'n-1', status: 'sent', at })
    for (const wrong of ['{"token": "other"}', '{"token": 1}', 'secret-key', 'null']) {
      const { socket, closed } = await openSocket(`${url}/v1/ws`)
      socket.send(wrong)
      expect(await closed, wrong).toBe(4401)
    }
    expect(await refusedWith(`${url}/v1/ws`, { headers: { authorization: 'Bearer other' } })).toBe(401)
    expect(await refusedWith(`${url}/v1/ws?token=secret-key`)).toBe(400)
  })

  it('is for pages of its own host and of allowed origins, and for what is no page', async () => {
    const { url } = await serveLive({ corsOrigins: ['https://app.example'] })
    const from = (origin: string) => ({ headers: { origin } })
    for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1:1']) {
      expect(await refusedWith(`${url}/v1/ws`, from(origin)), origin).toBe(403)
    }
    for (const origin of ['https://app.example', url]) {
      const { socket } = await openSocket(`${url}/v1/ws`, from(origin))
      expect(socket.readyState, origin).toBe(1)
    }
  })

  it('closes with 1009 on a message of more than 4 KiB, and hears none', async () => {
    const { url, tell } = await serveLive()
    const { socket, take, closed } = await openSocket(`${url}/v1/ws`)
    socket.send('x'.repeat(4096))
    tell({})
    expect(await take(1)).toHaveLength(1)
    socket.send('x'.repeat(4097))
    expect(await closed).toBe(1009)
  })

  it('says 400 to a request that is none for a WebSocket', async () => {
    const { url } = await serveLive()
    const answer = await fetch(`${url}/v1/ws`)
    expect([answer.status, ((await answer.json()) as { detail: string }).detail]).toEqual([
      400,
      'This address is a WebSocket: connect to it with ws:// or wss://.',
    ])
  })

  it('drops a reader who stops reading, and watches only while somebody listens', async () => {
    const { url, tell, isWatched } = await serveLive()
    const { socket, closed } = await openSocket(`${url}/v1/ws`)
    socket.pause()
    await flood(tell, isWatched)
    socket.resume()
    expect(await closed).toBe(1006)
  })
})

describe('a request', () => {
  const body = JSON.stringify({ to: 'a', content: { body: 'x' } })
  const post = `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  const webSocket = 'upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n'

  it.each([
    ['POST /v1/notifications', `connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\n${post}`, '202 Accepted'],
    ['POST /v1/notifications', `connection: Upgrade\r\n${webSocket}${post}`, '202 Accepted'],
    ['POST /v1/ws', `connection: Upgrade\r\n${webSocket}${post}`, '404 Not Found'],
    ['GET /v1/stats', `connection: Upgrade\r\n${webSocket}\r\n`, '200 OK'],
    ['GET /v1/ws', `connection: keep-alive\r\n${webSocket}\r\n`, '400 Bad Request'],
  ])('that cannot be upgraded is answered as it is: %s', async (line, rest, status) => {
    const { port } = await serveLive()
    const socket = connect(port, '127.0.0.1')
    socket.write(`${line} HTTP/1.1\r\nhost: a\r\n${rest}`)
    const [answer] = await once(socket, 'data')
    socket.destroy()
    expect(String(answer).split('\r\n')[0]).toBe(`HTTP/1.1 ${status}`)
  })

  it('to upgrade an address that has no WebSocket is refused', async () => {
    const { url } = await serveLive({ ...key })
    expect(await refusedWith(`${url}/v1/nothing`, { headers: bearer })).toBe(404)
    expect(await refusedWith(`${url}/v1/events`)).toBe(401)
  })
})

describe('a server that closes', () => {
  it('ends streams and WebSockets at once, also of clients that do not answer', async () => {
    const { url, server, unwatched } = await serveLive()
    const events = await eventSource(`${url}/v1/events`)
    const answering = await openSocket(`${url}/v1/ws`)
    const silent = await openSocket(`${url}/v1/ws`)
    silent.socket.pause()
    await server.close()
    silent.socket.resume()
    expect([await events.next(), await events.next()]).toEqual([{ retry: '2000' }, null])
    expect(await answering.closed).toBe(1001)
    await silent.closed
    await unwatched()
  })
})

/** Tells changes until nobody listens any more. */
async function flood(tell: (change: object) => void, isWatched: () => boolean): Promise<void> {
  for (let portions = 0; isWatched(); portions++) {
    if (portions > maxPortions) throw new Error('The slow reader was kept')
    for (let number = 0; number < portion; number++) tell(changeOf({ id: longId }))
    await turn()
  }
}
