import { once } from 'node:events'
import { Webhook } from 'standardwebhooks'
import { expect, onTestFinished, test } from 'vitest'
import { never, sampleRequest } from '../../../testing/stages/deliver/delivery-sample.js'
import { httpServer, type SeenRequest } from '../../../testing/stages/deliver/http-server-sample.js'
import { hostOf } from './provider.js'
import { type WebhookOptions, webhookProvider } from './webhook.js'

const secret = `whsec_${Buffer.from('a secret of thirty-two bytes, ok').toString('base64')}`

function provider(options: Partial<WebhookOptions> = {}) {
  const made = webhookProvider({ name: 'webhook', secret, allow: ['127.0.0.1'], ...options })
  onTestFinished(() => made.close())
  return made
}

const request = (address: string, changes: Parameters<typeof sampleRequest>[0] = {}, attempt = 1) =>
  sampleRequest({ id: 'n-1:webhook', channel: 'webhook', address, ...changes }, attempt)

test('it posts the delivery, signed so that the library of Standard Webhooks verifies it', async () => {
  const server = await httpServer()
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const changes = { metadata: '{"order":7}', correlationId: 'c-9', traceparent }
  expect(await provider().send(request(server.url, changes, 2), never)).toEqual({ outcome: 'delivered' })
  const [seen] = server.seen
  expect(new Webhook(secret).verify(seen?.body ?? '', { ...(seen?.headers as Record<string, string>) })).toEqual({
    id: 'n-1:webhook',
    notificationId: 'n-1',
    recipient: 'user-42',
    channel: 'webhook',
    subject: 'Hello',
    body: 'Hello Anna',
    attempt: 2,
    metadata: { order: 7 },
  })
  expect([seen?.method, seen?.path]).toEqual(['POST', '/hook'])
  expect(seen?.headers).toMatchObject({
    'content-type': 'application/json',
    'webhook-id': 'n-1:webhook',
    'idempotency-key': 'n-1:webhook',
    'x-correlation-id': 'c-9',
    traceparent,
  })
})

test('the signature is of the time of the call and of another secret no more', async () => {
  const server = await httpServer()
  await provider({ nowMs: () => 1_700_000_000_999 }).send(request(server.url), never)
  const { headers = {}, body = '' }: Partial<SeenRequest> = server.seen[0] ?? {}
  const signed = new Webhook(secret).sign('n-1:webhook', new Date(1_700_000_000_000), body)
  const other = new Webhook(`whsec_${Buffer.from('another').toString('base64')}`)
  expect([headers['webhook-timestamp'], headers['webhook-signature']]).toEqual(['1700000000', signed])
  expect(other.sign('n-1:webhook', new Date(1_700_000_000_000), body)).not.toBe(signed)
})

test('without a secret there is no signature, and without a correlation there are no headers for it', async () => {
  const server = await httpServer()
  await provider({ secret: null }).send(request(server.url, { correlationId: 'a\r\nx-evil: 1' }), never)
  const names = Object.keys(server.seen[0]?.headers ?? {}).sort()
  const hop = ['connection', 'content-length', 'host']
  expect(names.filter((name) => !hop.includes(name))).toEqual([
    'content-type',
    'idempotency-key',
    'user-agent',
    'webhook-id',
    'webhook-timestamp',
  ])
})

test('the payload of the webhook itself is its body', async () => {
  const server = await httpServer()
  const message = { subject: null, text: null, data: '{"order":{"id":7}}' }
  await provider().send(request(server.url, { message }), never)
  const { subject, body } = JSON.parse(server.seen[0]?.body ?? '')
  expect([subject, body]).toEqual([null, { order: { id: 7 } }])
})

test('an id that no header can hold is told in base64url, the same in every attempt', async () => {
  const server = await httpServer()
  const sent = provider()
  const changes = { id: 'n-1\r\nx-evil: 1' }
  await sent.send(request(server.url, changes), never)
  await sent.send(request(server.url, changes, 2), never)
  const ids = server.seen.map(({ headers }) => headers['webhook-id'])
  const id = Buffer.from(changes.id).toString('base64url')
  expect([ids, server.seen[0]?.headers['x-evil']]).toEqual([[id, id], undefined])
  expect(() => new Webhook(secret).verify(server.seen[1]?.body ?? '', server.seen[1]?.headers as never)).not.toThrow()
})

test('an inside address is refused in every spelling, before anything is dialled', async () => {
  const server = await httpServer()
  const guarded = provider({ allow: [] })
  const hosts = ['127.0.0.1', 'localhost', '2130706433', '0x7f.1', '0177.0.0.1', '[::1]', '[::ffff:127.0.0.1]', '0']
  const error =
    'The host has no public address. To let it through, name the host or its network in CARILLON_WEBHOOK_ALLOW.'
  for (const host of hosts) {
    const result = await guarded.send(request(`http://${host}:${server.port}/`), never)
    expect([host, result]).toEqual([host, { outcome: 'permanent', error }])
  }
  expect(server.connections().opened).toBe(0)
})

test('a literal that is let through is dialled in every spelling', async () => {
  const server = await httpServer()
  const open = provider()
  for (const host of ['127.0.0.1', '2130706433', '[::ffff:127.0.0.1]']) {
    const result = await open.send(request(`http://${host}:${server.port}/`), never)
    expect([host, result]).toEqual([host, { outcome: 'delivered' }])
  }
  expect(server.seen.length).toBe(3)
})

test('a redirect is not followed', async () => {
  const inside = await httpServer()
  const server = await httpServer((response) => response.writeHead(307, { location: inside.url }).end())
  const result = await provider().send(request(server.url), never)
  const error = 'The webhook answered with a redirect (status 307), which is not followed.'
  expect([result, inside.connections().opened]).toEqual([{ outcome: 'permanent', error }, 0])
})

test('an answer counts by its status, though its body never ends or breaks off', async () => {
  const endless = await httpServer((response) => {
    const more = () => {
      while (response.write('x'.repeat(65_536)));
      response.once('drain', more)
    }
    more()
  })
  const hanging = await httpServer((response) => void response.writeHead(500).write('x'))
  const broken = await httpServer((response) => {
    response.writeHead(200, { 'content-length': '1000' })
    response.write('x', () => response.destroy())
  })
  const sent = provider({ timeoutMs: 60_000 })
  const results = await Promise.all([endless, hanging, broken].map(({ url }) => sent.send(request(url), never)))
  expect(results).toEqual([
    { outcome: 'delivered' },
    { outcome: 'transient', error: 'The webhook answered with status 500.' },
    { outcome: 'delivered' },
  ])
})

test('a call that is aborted ends, and its connection with it', async () => {
  const patience = new AbortController()
  const closed: Promise<unknown>[] = []
  const server = await httpServer((response) => {
    closed.push(once(response, 'close'))
    patience.abort()
  })
  const result = await provider().send(request(server.url), patience.signal)
  expect(result).toEqual({ outcome: 'transient', error: 'The webhook did not answer in time.' })
  expect((await Promise.all(closed)).length).toBe(1)
})

test('a host that is not there may be there later', async () => {
  const resolve = async () => {
    throw Object.assign(new Error('getaddrinfo ENOTFOUND gone.test'), { code: 'ENOTFOUND' })
  }
  const calls = [
    provider().send(request('http://127.0.0.1:1/'), never),
    provider({ resolve }).send(request('http://gone.test/'), never),
  ]
  const error = (code: string) => `The webhook could not be reached, or did not answer (${code}).`
  expect(await Promise.all(calls)).toEqual([
    { outcome: 'transient', error: error('ECONNREFUSED'), chargedTo: 'connection' },
    { outcome: 'transient', error: error('ENOTFOUND'), chargedTo: 'connection' },
  ])
})

test('an address that is no web URL is the fault of the recipient', async () => {
  const results = await Promise.all(
    ['no url', 'ftp://127.0.0.1/', 'file:///etc/passwd'].map((address) => provider().send(request(address), never)),
  )
  const result = { outcome: 'recipient', error: 'The address is not an http or https URL.' }
  expect(results).toEqual([result, result, result])
})

test('a payload that is not JSON is never sent', async () => {
  const server = await httpServer()
  const result = await provider().send(request(server.url, { message: { data: '{' } }), never)
  expect(result).toEqual({ outcome: 'permanent', error: 'The payload or the metadata is not JSON.' })
  expect(server.seen).toEqual([])
})

test('its breaker guards the URL, told as its origin and a part of its hash, and the origin', () => {
  const addresses = ['https://Hooks.example/a?b', 'https://hooks.example/a?c', 'http://[::1]:8080/', 'no url']
  const parts = addresses.map((address) => provider().destination(request(address).delivery))
  expect(parts).toEqual([
    'https://hooks.example/48ffd370',
    'https://hooks.example/a877e3dd',
    'http://[::1]:8080/80228364',
    null,
  ])
  expect(parts.map(hostOf)).toEqual(['https://hooks.example', 'https://hooks.example', 'http://[::1]:8080', null])
})

test('a receiver that is being deployed or mended is asked again; what is gone, or moved, is not', async () => {
  const statuses = [400, 401, 403, 404, 405, 408, 409, 410, 413, 415, 422, 425, 451, 500, 503]
  let status = 0
  const server = await httpServer((response) => response.writeHead(status).end())
  const found: string[] = []
  for (status of statuses) {
    const result = await provider().send(request(server.url), never)
    const waits = 'againAfterMs' in result ? ` and again after ${result.againAfterMs?.join(', ')} ms` : ''
    found.push(`${status} ${result.outcome}${waits}`)
  }
  const mendable = 'permanent and again after 120000, 480000 ms'
  expect(found).toEqual([
    ...[400, 401, 403].map((each) => `${each} ${mendable}`),
    ...['404 transient', '405 permanent', '408 transient', '409 transient', '410 recipient'],
    ...[413, 415, 422].map((each) => `${each} ${mendable}`),
    ...['425 transient', '451 permanent', '500 transient', '503 transient'],
  ])
})

test('no more sockets are open to one origin than it may have, and they are used again', async () => {
  const server = await httpServer()
  const sent = provider({ socketsPerOrigin: 2 })
  await Promise.all(Array.from({ length: 20 }, () => sent.send(request(server.url), never)))
  expect([server.seen.length, server.connections()]).toEqual([20, { opened: 2, most: 2 }])
})

test('idle connections to many origins stay within the bound and keep no call waiting', async () => {
  const server = await httpServer()
  const names = Array.from({ length: 30 }, (_, i) => `host-${i}.test`)
  const sent = provider({ allow: names, resolve: async () => ['127.0.0.1'], concurrency: 2, connectTimeoutMs: 1_000 })
  const urls = names.map((name) => `http://${name}:${server.port}/`)
  const worker = async () => {
    for (let url = urls.pop(); url !== undefined; url = urls.pop()) await sent.send(request(url), never)
  }
  await Promise.all([worker(), worker()])
  const { opened, most } = server.connections()
  expect([server.seen.length, opened, most <= 8]).toEqual([30, 30, true])
})

test('a secret or an allowed host that cannot be read stops it at the start', () => {
  expect(() => provider({ secret: 'whsec_not base64!' })).toThrow()
  expect(() => provider({ allow: ['10.1'] })).toThrow('"10.1" is neither a host')
})
