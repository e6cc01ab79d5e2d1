import { describe, expect, it } from 'vitest'
import { StorageFull, Unavailable } from '../schemas/errors.js'
import { testClient } from '../testing/ingress/test-client.js'

const hello = { to: 'user-42', content: { body: 'Hello' } }

describe('every answer', () => {
  it('carries the correlation id of its request, which goes into the event and the log', async () => {
    const { post, fake } = testClient()
    const { headers } = await post('/v1/notifications', hello, { 'x-correlation-id': 'order 4711' })
    expect(headers.get('x-correlation-id')).toBe('order 4711')
    expect(fake.accepted.map(({ correlationId }) => correlationId)).toEqual(['order 4711'])
    expect(fake.logged).toEqual([
      {
        method: 'POST',
        route: '/v1/notifications',
        status: 202,
        durationMs: expect.any(Number),
        correlationId: 'order 4711',
      },
    ])
  })

  it('gets a new correlation id where the request has none or a bad one', async () => {
    const { get } = testClient()
    const uuid = /^[0-9a-f-]{36}$/
    for (const bad of [{}, { 'x-correlation-id': 'x'.repeat(129) }, { 'x-correlation-id': 'caf\u00e9' }]) {
      expect((await get('/health/live', bad)).headers.get('x-correlation-id')).toMatch(uuid)
    }
  })

  it('is problem+json where it is an error, also for an unknown path', async () => {
    const { get } = testClient()
    const { status, headers, body } = await get('/v1/nothing', { 'x-correlation-id': 'c-1' })
    expect(status).toBe(404)
    expect(headers.get('content-type')).toBe('application/problem+json')
    expect(headers.get('x-correlation-id')).toBe('c-1')
    expect(body).toEqual({
      type: 'urn:carillon:problem:not-found',
      title: 'There is no such thing',
      status: 404,
      detail: 'Nothing answers at this path by this method. /docs shows what does.',
      errors: [],
      correlationId: 'c-1',
    })
  })

  it('is 503 with Retry-After while the store is away and 507 while the disk is full', async () => {
    const { get, post, fake } = testClient()
    fake.failure = new Unavailable('no database')
    const away = await post('/v1/notifications', hello)
    expect([away.status, away.headers.get('retry-after')]).toEqual([503, '1'])
    expect((await get('/v1/stats')).status).toBe(503)
    fake.failure = new StorageFull('no room')
    expect((await post('/v1/notifications', hello)).status).toBe(507)
  })

  it('tells nothing of an unexpected error, which the log gets', async () => {
    const { get, fake } = testClient()
    fake.failure = new Error('secret inside')
    const { status, body } = await get('/v1/stats', { 'x-correlation-id': 'c-1' })
    expect([status, JSON.stringify(body).includes('secret')]).toEqual([500, false])
    expect(fake.logged).toEqual([
      {
        method: 'GET',
        route: '/v1/stats',
        status: 500,
        durationMs: expect.any(Number),
        correlationId: 'c-1',
        error: fake.failure,
      },
    ])
  })
})

describe('the API key', () => {
  it('is asked for by every route of the API', async () => {
    const { get, post } = testClient({ apiKey: 'secret-key' })
    for (const authorization of [undefined, 'Bearer other', 'Basic secret-key', 'Bearer ']) {
      const { status, headers } = await post('/v1/notifications', hello, authorization ? { authorization } : {})
      expect([status, headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
    }
    for (const path of ['/v1/notifications', '/v1/flow', '/v1/nothing', '/metrics', '/api/v1/metrics']) {
      expect((await get(path)).status).toBe(401)
    }
    const { status } = await post('/v1/notifications', hello, { authorization: 'Bearer secret-key' })
    expect(status).toBe(202)
  })

  it('is not asked for by probes, the console and the documentation', async () => {
    const { get } = testClient({ apiKey: 'secret-key' })
    for (const path of ['/health/live', '/health/ready', '/docs', '/openapi.json', '/docs/swagger-ui.css']) {
      expect([path, (await get(path)).status]).toEqual([path, 200])
    }
  })
})

describe('pages of other sites', () => {
  const foreign = { origin: 'https://shop.example', 'sec-fetch-site': 'cross-site' }

  it('may neither read nor change anything unless their origin is allowed', async () => {
    const { get, post } = testClient()
    expect((await post('/v1/notifications', hello, foreign)).status).toBe(403)
    expect((await get('/v1/stats', foreign)).headers.get('access-control-allow-origin')).toBeNull()
  })

  it.each([
    ['of another port of this machine', { 'sec-fetch-site': 'same-site', origin: 'http://localhost:8080' }, 403],
    ['that a browser without Sec-Fetch-Site sends', { origin: 'https://evil.example', host: 'localhost' }, 403],
    ['without an origin to name', { origin: 'null', host: 'localhost' }, 403],
    [
      'of the console, behind a proxy that changes the host',
      { 'sec-fetch-site': 'same-origin', origin: 'https://a.example' },
      202,
    ],
    [
      'of the console, in a browser without Sec-Fetch-Site',
      { origin: 'http://localhost:3000', host: 'localhost:3000' },
      202,
    ],
    ['that nobody but a person asked for', { 'sec-fetch-site': 'none' }, 202],
  ])('a request %s', async (_, headers, status) => {
    expect((await testClient().post('/v1/notifications', hello, headers)).status).toBe(status)
  })

  it('may when it is', async () => {
    const { post, app } = testClient({ corsOrigins: ['https://shop.example'], apiKey: 'k' })
    const { status, headers } = await post('/v1/notifications', hello, { ...foreign, authorization: 'Bearer k' })
    expect([status, headers.get('access-control-allow-origin')]).toEqual([202, 'https://shop.example'])
    const preflight = await app.request('/v1/notifications', {
      method: 'OPTIONS',
      headers: {
        ...foreign,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization',
      },
    })
    expect([preflight.status, preflight.headers.get('access-control-allow-headers')]).toEqual([204, 'authorization'])
    expect((await post('/v1/notifications', hello, { ...foreign, origin: 'https://other.example' })).status).toBe(403)
  })
})
