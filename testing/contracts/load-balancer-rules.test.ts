/** What the load balancer does with a request, before servers that tell what they got. */
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { until } from '../until.js'
import { freePort, haproxyHere, type LoadBalancer, loadBalancer, serverHosts } from './load-balancer-under-test.js'

const found = haproxyHere()
const title = 'the load balancer'
if (found.haproxy === null) test.skip(`${title}: ${found.missing}`, () => undefined)
else {
  const { haproxy } = found
  describe(title, () => {
    let servers: StubServers
    let balancer: LoadBalancer
    const begin = async (userNotificationsPerMinute?: number) => {
      balancer = await loadBalancer(haproxy, {
        port: servers.port,
        ...(userNotificationsPerMinute !== undefined && { userNotificationsPerMinute }),
      })
      await until(
        async () => (await fetch(`${balancer.address}/first`)).status === 200,
        () => `a server: ${balancer.log()}`,
      )
      servers.seen.length = 0
    }
    beforeEach(async () => {
      servers = await stubServers()
    })
    afterEach(async () => {
      await balancer?.close()
      servers.close()
    })
    const ask = (path: string, init: RequestInit = {}) => fetch(`${balancer.address}${path}`, init)

    test('asks the servers in turn', async () => {
      await begin()
      for (let count = 0; count < 6; count++) await ask(`/turn/${count}`)
      const hosts = servers.seen.map(({ host }) => host)
      expect(new Set(hosts.slice(0, 3))).toEqual(new Set(serverHosts))
      expect(hosts.slice(3)).toEqual(hosts.slice(0, 3))
    })

    /** Until so many are, of both kinds. */
    const areDown = (count: number) =>
      until(
        () => new Set(balancer.log().match(/Server (?:once|repeatable)\/ingress\d is DOWN/g)).size === 2 * count,
        () => `${count} servers that are down: ${balancer.log()}`,
      )

    const json = { 'content-type': 'application/json' }
    const twice: readonly [string, string, RequestInit][] = [
      ['a GET', '/v1/stats', {}],
      ['contract B', '/user/notification', { method: 'POST', body: '{"user_id":[1]}', headers: json }],
      [
        'a request with a key',
        '/v1/notifications',
        { method: 'POST', body: '{}', headers: { 'idempotency-key': 'k' } },
      ],
      ['contract B at its largest', '/user/notification', { method: 'POST', body: 'é'.repeat(28_000) }],
    ]
    test.each(twice)('sends again what a server was killed with: %s', async (_what, path, init) => {
      await begin()
      servers.killNext()
      const answer = await ask(path, init)
      expect([answer.status, servers.seen.map(({ url }) => url)]).toEqual([200, [path, path]])
      expect(new Set(servers.seen.map(({ host }) => host)).size).toBe(2)
      expect(servers.seen[1]?.body).toBe(init.body ?? '')
    })

    test('sends again what came in pieces', async () => {
      await begin()
      servers.killNext()
      const socket = connect(balancer.port, '127.0.0.1')
      socket.write(`${head('/user/notification')}content-length: 4\r\nexpect: 100-continue\r\n\r\n`)
      const [goOn] = (await once(socket, 'data')) as [Buffer]
      socket.end('1234')
      expect([goOn.toString(), await text(socket)]).toEqual([
        expect.stringMatching(/^HTTP\/1.1 100 /),
        expect.stringMatching(/^HTTP\/1.1 200 /),
      ])
      expect(servers.seen.map(({ body }) => body)).toEqual(['1234', '1234'])
    })

    const once502: readonly [string, string, RequestInit][] = [
      ['a request without a key', '/v1/notifications', { method: 'POST', body: '{}' }],
      ['a cancel', '/api/v1/notifications/1/cancel', { method: 'PATCH' }],
      [
        'what it cannot keep',
        '/v1/notifications/batch',
        { method: 'POST', body: 'x'.repeat(100_000), headers: { 'idempotency-key': 'k' } },
      ],
    ]
    test.each(once502)(
      'does not send again where that may do harm, and says that it is not known: %s',
      async (_what, path, init) => {
        await begin()
        servers.killNext()
        const headers = { ...init.headers, 'x-correlation-id': "the caller's" }
        const answer = await ask(path, { ...init, headers })
        expect([answer.status, answer.headers.get('content-type'), servers.seen.length]).toEqual([
          502,
          'application/problem+json',
          1,
        ])
        expect(await answer.json()).toMatchObject({
          status: 502,
          error: 'Whether it was done is not known.',
          correlationId: "the caller's",
        })
        expect(answer.headers.get('x-correlation-id')).toBe("the caller's")
      },
    )

    test('tries elsewhere, whatever it is, what could not be connected', async () => {
      await begin()
      servers.stop(serverHosts[0])
      servers.stop(serverHosts[1])
      const answers = await Promise.all(
        Array.from({ length: 6 }, (_, count) => ask(`/v1/notifications?${count}`, { method: 'POST', body: '{}' })),
      )
      expect(answers.map(({ status }) => status)).toEqual(Array(6).fill(200))
      expect(servers.seen.map(({ host }) => host)).toEqual(Array(6).fill(serverHosts[2]))
    })

    test('leaves out a server that is not ready, but asks all where none is', async () => {
      await begin()
      servers.ready.delete(serverHosts[0])
      await areDown(1)
      for (let count = 0; count < 4; count++) await ask('/some', { method: 'POST' })
      expect(servers.seen.filter(({ host }) => host === serverHosts[0])).toEqual([])
      servers.ready.clear()
      await areDown(3)
      const answers = await Promise.all([ask('/some'), ask('/some', { method: 'POST' })])
      expect(answers.map(({ status }) => status)).toEqual([200, 200])
    })

    test('says who asks, whatever they say themselves, and passes the rest on', async () => {
      await begin()
      const headers = { 'x-forwarded-for': '10.9.8.7', 'x-correlation-id': 'mine', authorization: 'Bearer key' }
      await ask('/v1/stats?a=%20b', { headers })
      await ask('/v1/stats', { headers: { 'x-correlation-id': 'x'.repeat(129) } })
      expect(servers.seen[0]).toMatchObject({
        url: '/v1/stats?a=%20b',
        headers: { ...headers, 'x-forwarded-for': '127.0.0.1', host: new URL(balancer.address).host },
      })
      expect(servers.seen[1]?.headers['x-correlation-id']).toMatch(/^[0-9a-f-]{36}$/)
    })

    test('counts contract B by address over all servers, and what it refuses does not count', async () => {
      await begin(5)
      const [path, address] = ['/user/notification', '127.0.0.9']
      const post = async (to: string, localAddress = address) => {
        const socket = connect({ port: balancer.port, host: '127.0.0.1', localAddress })
        socket.end(`${head(to)}x-forwarded-for: 10.0.0.${randomInt(256)}\r\ncontent-length: 0\r\n\r\n`)
        return Number((await text(socket)).slice('HTTP/1.1 '.length).slice(0, 3))
      }
      const statuses: number[] = []
      for (let count = 0; count < 7; count++) statuses.push(await post(path))
      expect(statuses).toEqual([200, 200, 200, 200, 200, 429, 429])
      expect([await post('/user/notificatio%6e'), await post('/x/..%2fuser/./notification')]).toEqual([429, 429])
      expect([await post('/v1/notifications'), await post(path, '127.0.0.10')]).toEqual([200, 200])
    })

    test('refuses as contract B does', async () => {
      await begin(1)
      await ask('/user/notification', { method: 'POST' })
      const refused = await ask('/user/notification', { method: 'POST', headers: { 'x-correlation-id': 'mine' } })
      const names = ['retry-after', 'content-type', 'x-correlation-id']
      expect([refused.status, names.map((name) => refused.headers.get(name)), await refused.json()]).toEqual([
        429,
        ['10', 'application/json', 'mine'],
        { error: expect.any(String) },
      ])
    })
  })
}

/** The beginning of a POST that ends its connection. */
function head(path: string): string {
  return `POST ${path} HTTP/1.1\r\nhost: here\r\nconnection: close\r\n`
}

interface Seen {
  readonly host: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

interface StubServers {
  readonly port: number
  /** Requests but for those for health. */
  readonly seen: Seen[]
  /** Those that say that they are. */
  readonly ready: Set<string>
  /** Whoever gets the next request is killed with it. */
  killNext(): void
  stop(host: string): void
  close(): void
}

async function stubServers(): Promise<StubServers> {
  const port = await freePort(serverHosts[0])
  const seen: Seen[] = []
  const ready = new Set<string>(serverHosts)
  let kills = 0
  const answer = async (host: string, request: IncomingMessage, response: ServerResponse) => {
    if (request.url === '/health/ready?without=store') return response.writeHead(ready.has(host) ? 200 : 503).end()
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    seen.push({ host, url: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks).toString() })
    if (kills-- > 0) return request.socket.resetAndDestroy()
    return response.end('{}')
  }
  const servers = new Map<string, Server>()
  for (const host of serverHosts) {
    const server = createServer((request, response) => void answer(host, request, response).catch(() => undefined))
    await once(server.listen(port, host), 'listening')
    servers.set(host, server)
  }
  const stop = (server: Server | undefined) => {
    server?.close()
    server?.closeAllConnections()
  }
  return {
    port,
    seen,
    ready,
    killNext: () => {
      kills = 1
    },
    stop: (host) => stop(servers.get(host)),
    close: () => {
      for (const server of servers.values()) stop(server)
    },
  }
}
