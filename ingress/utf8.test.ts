import { expect, test } from 'vitest'
import { errorsOf, testClient } from '../testing/ingress/test-client.js'

const json = { 'content-type': 'application/json' }
const form = { 'content-type': 'application/x-www-form-urlencoded' }

async function send(path: string, body: Buffer | string, headers: Record<string, string>, method = 'POST') {
  const client = testClient()
  const response = await client.app.request(path, { method, body: new Uint8Array(Buffer.from(body)), headers })
  const answered: unknown = await response.json()
  return { status: response.status, body: answered, fake: client.fake }
}

/** A body of JSON with Latin 1 in it. */
function latin(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

test.each([
  ['/v1/notifications', 'POST', latin('{"to":"a","content":{"body":"Grüße"}}')],
  ['/v1/notifications/batch', 'POST', latin('{"notifications":[{"to":"a","content":{"body":"Grüße"}}]}')],
  ['/v1/recipients/a', 'PUT', latin('{"email":"ü@example.com"}')],
  ['/v1/templates', 'POST', latin('{"id":"t","channels":{"sms":{"text":"ü"}}}')],
  ['/api/v1/notifications', 'POST', latin('{"channel":"sms","recipient":"+4915112345678","content":"ü"}')],
  ['/v1/notifications', 'POST', Buffer.from('{"to":"a","content":{"body":"x\xed\xa0\x80"}}', 'latin1')],
  ['/v1/notifications', 'POST', Buffer.from('\ufeff{"to":"a","content":{"body":"x"}}', 'utf16le')],
])('a body for %s (%s) that is not UTF-8 is 400, and nothing is accepted', async (path, method, body) => {
  const { status, body: answered, fake } = await send(path, body, json, method)
  expect([status, fake.accepted]).toEqual([400, []])
  expect(JSON.stringify(answered)).toContain('UTF-8')
})

test('a byte order mark is passed over', async () => {
  const { status, fake } = await send('/v1/notifications', '\ufeff{"to":"a","content":{"body":"ü\ufeff"}}', json)
  expect([status, fake.accepted[0]?.content]).toEqual([202, { '*': expect.objectContaining({ text: 'ü\ufeff' }) }])
})

test('the replacement character itself is a character', async () => {
  const { status } = await send('/v1/notifications', '{"to":"a","content":{"body":"\ufffd"}}', json)
  expect(status).toBe(202)
})

test.each([
  ['in bytes', latin('fromID=1&toID=2&message=Grüße'), form],
  ['percent-encoded', 'fromID=1&toID=2&message=Gr%FC%DFe', form],
  ['in parts', latin('--b\r\ncontent-disposition: form-data; name="message"\r\n\r\nü\r\n--b--'), multipart('b')],
])('a form of contract A that is not UTF-8, %s, is 400 in its own words', async (_, body, headers) => {
  const { status, body: answered, fake } = await send('/send', body, headers)
  expect([status, answered, fake.accepted]).toEqual([400, { message: expect.stringContaining('UTF-8') }, []])
})

function multipart(boundary: string) {
  return { 'content-type': `multipart/form-data; boundary=${boundary}` }
}

test('a form may say 100%', async () => {
  const { fake, app } = testClient()
  for (const id of ['1', '2']) fake.recipients.put('default', { id, createdAt: '', updatedAt: '' })
  const body = 'fromID=1&toID=2&message=100%+%C3%BC'
  const { status } = await app.request('/send', { method: 'POST', body, headers: form })
  expect([status, fake.accepted[0]?.content]).toEqual([200, { '*': expect.objectContaining({ text: '100% ü' }) }])
})

test('percent-encoded bytes in paths and queries that are not UTF-8 are 400 with the name', async () => {
  const { get, put, delete: remove } = testClient()
  const places = [
    await get('/v1/notifications/%FF'),
    await get('/v1/recipients/a%C3/inbox'),
    await put('/v1/recipients/%ED%A0%80', { email: 'a@example.com' }),
    await remove('/v1/templates/a%ffb'),
    await get('/v1/notifications?recipient=%FF&template=a'),
    await get('/v1/notifications?metadata.%FF=a'),
  ]
  expect(places.map((answered) => [answered.status, ...errorsOf(answered)])).toEqual([
    [400, 'id: Must be UTF-8.'],
    [400, 'id: Must be UTF-8.'],
    [400, 'id: Must be UTF-8.'],
    [400, 'id: Must be UTF-8.'],
    [400, 'recipient: Must be UTF-8.'],
    [400, 'metadata.%FF: Must be UTF-8.'],
  ])
  expect((await get('/api/v1/notifications/%FF')).body).toEqual({ error: 'id: Must be UTF-8.' })
})

test('percent-encoded UTF-8 in paths and queries is decoded', async () => {
  const { get, put } = testClient()
  expect((await put('/v1/recipients/z%C3%B6e%F0%9F%98%80', {})).status).toBeLessThan(300)
  expect((await get('/v1/recipients/z%C3%B6e%F0%9F%98%80')).body).toMatchObject({ id: 'zöe😀' })
})

test('an idempotency key in a header is UTF-8 or 400', async () => {
  const { post, fake } = testClient()
  const body = { to: 'a', content: { body: 'x' } }
  const utf8 = Buffer.from('zöe').toString('latin1')
  expect(
    (await post('/v1/notifications', { ...body, idempotencyKey: 'zöe' }, { 'idempotency-key': utf8 })).status,
  ).toBe(202)
  const refused = await post('/v1/notifications', body, { 'idempotency-key': 'z\xf6e' })
  expect([refused.status, ...errorsOf(refused)]).toEqual([400, 'Idempotency-Key: Must be UTF-8.'])
  expect(fake.accepted).toHaveLength(1)
})
