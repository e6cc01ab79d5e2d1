import type { ServerResponse } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { never, sampleRequest } from '../../../testing/stages/deliver/delivery-sample.js'
import { httpServer } from '../../../testing/stages/deliver/http-server-sample.js'
import { type HttpOptions, httpProvider } from './http.js'

function provider(options: Omit<HttpOptions, 'name'>) {
  const made = httpProvider({ name: 'http', ...options })
  onTestFinished(() => made.close())
  return made
}

test('it posts to, channel and content with the key, the token and the trace, and calls it sent', async () => {
  const server = await httpServer((response) => response.writeHead(202).end('{"id":"x"}'))
  const sms = provider({ url: server.url, token: 'letmein' })
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const request = sampleRequest({ id: 'n-1:sms', channel: 'sms', address: '+4915112345678', traceparent })
  expect(await sms.send(request, never)).toEqual({ outcome: 'sent', messageId: 'x' })
  const [seen] = server.seen
  expect([seen?.method, seen?.path, JSON.parse(seen?.body ?? '')]).toEqual([
    'POST',
    '/hook',
    { to: '+4915112345678', channel: 'sms', content: 'Hello Anna' },
  ])
  expect(seen?.headers).toMatchObject({
    'content-type': 'application/json',
    'idempotency-key': 'n-1:sms',
    authorization: 'Bearer letmein',
    traceparent,
  })
})

test('content is the text where there is only text, and else an object with the names of its channel', async () => {
  const server = await httpServer()
  const http = provider({ url: server.url })
  const text = { subject: null, text: 'Hi', html: null, data: null }
  const push = { ...text, subject: 'Title', data: '{"order":7}' }
  await http.send(sampleRequest({ channel: 'sms', message: { subject: 'lost' } }), never)
  await http.send(sampleRequest({ channel: 'push', message: text }), never)
  await http.send(sampleRequest({ channel: 'push', message: push }), never)
  await http.send(sampleRequest({ channel: 'email', message: text }), never)
  await http.send(sampleRequest({ channel: 'email', message: { html: '<p>Hi</p>' } }), never)
  expect(server.seen.map(({ body }) => JSON.parse(body).content)).toEqual([
    'Hello Anna',
    'Hi',
    { title: 'Title', body: 'Hi', data: { order: 7 } },
    'Hi',
    { subject: 'Hello', text: 'Hello Anna', html: '<p>Hi</p>' },
  ])
})

test('a limit is told with its time', async () => {
  const server = await httpServer((response) => response.writeHead(429, { 'retry-after': '3' }).end())
  const result = await provider({ url: server.url }).send(sampleRequest(), never)
  const error = 'The provider answered with status 429.'
  expect(result).toEqual({ outcome: 'rate-limited', error, retryAfterMs: 3_000 })
})

test('a service that is not there, hangs up or keeps silent may be there later', async () => {
  const hangUp = await httpServer((response) => response.destroy())
  const silent = await httpServer(() => {})
  const calls = [
    provider({ url: 'http://127.0.0.1:1/' }).send(sampleRequest(), never),
    provider({ url: hangUp.url }).send(sampleRequest(), never),
    provider({ url: silent.url, timeoutMs: 100 }).send(sampleRequest(), never),
  ]
  const error = (code: string) => `The provider could not be reached, or did not answer (${code}).`
  expect(await Promise.all(calls)).toEqual([
    { outcome: 'transient', error: error('ECONNREFUSED'), chargedTo: 'connection' },
    { outcome: 'transient', error: error('UND_ERR_SOCKET') },
    { outcome: 'transient', error: error('UND_ERR_HEADERS_TIMEOUT') },
  ])
})

test('data that is not JSON is never sent', async () => {
  const server = await httpServer()
  const request = sampleRequest({ channel: 'push', message: { data: '{"order":' } })
  const result = await provider({ url: server.url }).send(request, never)
  expect(result).toEqual({ outcome: 'permanent', error: 'The message has data that is not JSON.' })
  expect(server.seen).toEqual([])
})

test('an answer that is too large, breaks off, never ends or is no JSON tells no id and changes nothing', async () => {
  const large = JSON.stringify({ id: 'x', more: 'x'.repeat(17 * 1024) })
  const answers: readonly ((response: ServerResponse) => void)[] = [
    (response) => response.end(large),
    (response) => response.writeHead(200, { 'content-length': 100 }).write('{"id":"x"}', () => response.destroy()),
    (response) => response.write('{"id":"x"}'),
    (response) => response.end('<id>x</id>'),
    (response) => response.end('{"id":"y"}'),
  ]
  let calls = 0
  const server = await httpServer((response) => answers[calls++]?.(response))
  const sms = provider({ url: server.url })
  const results: unknown[] = []
  for (const _ of answers) results.push(await sms.send(sampleRequest(), never))
  const sent = { outcome: 'sent' }
  expect(results).toEqual([sent, sent, sent, sent, { ...sent, messageId: 'y' }])
})

test('connections whose answers were read are used again', async () => {
  const server = await httpServer((response) => response.end('{"id":"x"}'))
  const sms = provider({ url: server.url })
  for (let call = 0; call < 20; call++) await sms.send(sampleRequest(), never)
  expect(server.connections().opened).toBeLessThan(4)
})

test('its breaker guards each channel on its own, and it says how many there are', () => {
  const made = provider({ url: 'http://127.0.0.1:1/', channels: 2 })
  const of = (channel: string) => made.destination(sampleRequest({ channel }).delivery)
  expect([of('sms'), of('email'), made.parts]).toEqual(['sms', 'email', 2])
})
