import { createServer } from 'node:http'
import { serve } from '@hono/node-server'
import { expect, onTestFinished, test } from 'vitest'
import { createFakePorts, fakeOptions } from '../../testing/ingress/ports-fake.js'
import { testClient } from '../../testing/ingress/test-client.js'
import { createApp } from '../app.js'
import type { IngressOptions } from '../options.js'

const path = '/user/notification'
const hello = { user_id: [1, 2], type: 'inapp', description: 'Hello' }
const id = (number: number) => expect.stringMatching(new RegExp(`-00000000000${number}$`))

test('each user gets one; the same description within the window is a duplicate of the first', async () => {
  const { fake, post } = testClient()
  expect((await post(path, hello)).body).toEqual({
    results: [
      { user_id: 1, id: id(1), status: 'accepted' },
      { user_id: 2, id: id(2), status: 'accepted' },
    ],
  })
  expect((await post(path, { ...hello, user_id: [2, 3], type: 'email' })).body).toEqual({
    results: [
      { user_id: 2, id: id(2), status: 'duplicate' },
      { user_id: 3, id: id(4), status: 'accepted' },
    ],
  })
  expect(fake.accepted.map(({ recipient, channels, origin }) => [recipient, channels, origin])).toEqual([
    ['1', ['inapp'], 'b'],
    ['2', ['inapp'], 'b'],
    ['3', ['email'], 'b'],
  ])
})

test('a user named twice gets one', async () => {
  const { fake, post } = testClient()
  expect((await post(path, { ...hello, user_id: [1, 1] })).body).toEqual({
    results: [
      { user_id: 1, id: id(1), status: 'accepted' },
      { user_id: 1, id: id(1), status: 'duplicate' },
    ],
  })
  expect(fake.accepted.length).toBe(1)
})

test.each(['failed', 'expired', 'cancelled', 'suppressed'] as const)(
  'one whose first ended as %s is no duplicate: nobody was told',
  async (status) => {
    const { fake, post } = testClient()
    await post(path, hello)
    for (const record of [...fake.accepted]) fake.record(record.id, { status })
    const again = (await post(path, hello)).body as { results: { status: string; id: string }[] }
    expect(again.results.map((result) => result.status)).toEqual(['accepted', 'accepted'])
    expect((await post(path, hello)).body).toEqual({
      results: again.results.map((result) => ({ ...result, status: 'duplicate' })),
    })
    expect(fake.accepted.length).toBe(4)
  },
)

test('a thousand equal posts at once give one accepted', async () => {
  const { fake, post } = testClient()
  const answers = await Promise.all(Array.from({ length: 1000 }, () => post(path, { ...hello, user_id: [1] })))
  const statuses = answers.map(({ body }) => (body as { results: { status: string }[] }).results[0]?.status)
  expect(statuses.filter((status) => status === 'accepted').length).toBe(1)
  expect(statuses.filter((status) => status === 'duplicate').length).toBe(999)
  expect(fake.accepted.length).toBe(1)
})

test.each([
  ['{', 'Not JSON at position 1.'],
  ['[]', 'Must be an object.'],
  ['{"type":"sms","description":"x"}', 'user_id: Required.'],
  ['{"user_id":["1"],"type":"sms","description":"x"}', 'user_id.0: Must be a number.'],
  ['{"user_id":"1","type":"sms","description":"x"}', 'user_id: Must be an array.'],
  ['{"user_id":[],"type":"sms","description":"x"}', 'user_id: Must be at least 1 long.'],
  ['{"user_id":[1],"type":"fax","description":"x"}', 'type: Must be one of sms, email, inapp.'],
  ['{"user_id":[1],"type":"sms","description":""}', 'description: Must not be empty.'],
  [
    `{"user_id":[${Array.from({ length: 1001 }, (_, at) => at)}],"type":"sms","description":"x"}`,
    'user_id: Must be at most 1000 long.',
  ],
])('%s is refused: %s', async (body, error) => {
  const { fake, post } = testClient()
  const answered = await post(path, body)
  expect([answered.status, answered.body]).toEqual([400, { error: expect.stringContaining(error) }])
  expect(fake.accepted).toEqual([])
})

/** Behind a real server: there an address is known. */
async function served(requestsPerMinute: number | null, trustedProxies: readonly string[] = []) {
  const compat = { ...fakeOptions.compat, b: { requestsPerMinute, duplicateWindowMs: 1000 } }
  const options: IngressOptions = { ...fakeOptions, compat, trustedProxies }
  const app = createApp(createFakePorts(), options)
  const server = await new Promise<ReturnType<typeof serve>>((resolve) => {
    const made = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1', createServer }, () => resolve(made))
  })
  onTestFinished(() => {
    server.close()
  })
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return (forwarded?: string) =>
    fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(forwarded !== undefined && { 'x-forwarded-for': forwarded }) },
      body: JSON.stringify(hello),
    })
}

test('an address may ask so often a minute, then it is told when to come back', async () => {
  const post = await served(3)
  for (let number = 0; number < 3; number++) expect((await post()).status).toBe(200)
  const refused = await post()
  expect(refused.status).toBe(429)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60)
  expect(await refused.json()).toEqual({ error: expect.stringContaining('3 times a minute') })
})

test('nobody can take another address by a header, unless a trusted proxy says so', async () => {
  const direct = await served(1)
  expect((await direct('10.0.0.1')).status).toBe(200)
  expect((await direct('10.0.0.2')).status).toBe(429)
  const proxied = await served(1, ['127.0.0.0/8'])
  expect((await proxied('10.0.0.1')).status).toBe(200)
  expect((await proxied('10.0.0.2')).status).toBe(200)
  expect((await proxied('10.0.0.9, 10.0.0.2')).status).toBe(429)
  expect((await proxied('10.0.0.2:40000')).status).toBe(429)
  expect((await proxied('2001:db8:0:1::1')).status).toBe(200)
  expect((await proxied('[2001:db8:0:1:2::3]:40000')).status).toBe(429)
  expect((await proxied('2001:db8:0:2::1')).status).toBe(200)
})
