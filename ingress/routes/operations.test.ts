import { describe, expect, it } from 'vitest'
import { testClient } from '../../testing/ingress/test-client.js'

describe('the inbox', () => {
  it('lists messages and marks them as read', async () => {
    const { get, post, fake } = testClient()
    const message = { id: 'm-1', notificationId: 'n-1', title: 'T', body: 'B', at: '2030-01-01T00:00:00.000Z' }
    fake.inboxMessages.push(message)
    const { body } = await get('/v1/recipients/user-42/inbox?limit=10')
    expect(body).toEqual({ data: [message], nextCursor: null, unread: 1 })
    const read = await post('/v1/recipients/user-42/inbox/m-1/read')
    expect([read.status, read.body]).toEqual([200, { id: 'm-1', read: true }])
    expect((await post('/v1/recipients/user-42/inbox/none/read')).status).toBe(404)
  })
})

describe('operations', () => {
  it('tell statistics, topology, flow, outbox and metrics', async () => {
    const { get, fake } = testClient()
    expect((await get('/v1/stats')).body).toEqual({
      channels: {
        email: { sent: 1, failed: 1, simulated: 0, successRate: 0.5, latencyMs: { mean: 1.5, p50: 1, p95: 2, p99: 3 } },
      },
    })
    expect((await get('/v1/topology')).body).toEqual({ stages: ['dedupe'] })
    expect((await get('/v1/flow')).body).toMatchObject({ stages: [{ stage: 'dedupe' }], problems: [] })
    fake.outboxMessages.push({
      id: 'o',
      notificationId: 'n',
      channel: 'sms',
      address: '1',
      message: { text: 'x' },
      at: '',
    })
    expect((await get('/v1/outbox')).body).toEqual({ data: fake.outboxMessages, nextCursor: null })
    const metrics = await get('/metrics')
    expect(metrics.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(metrics.body).toContain('carillon_up 1')
  })

  it('tell whether the process lives and is ready', async () => {
    const { get, fake } = testClient()
    expect((await get('/health/live')).body).toEqual({ status: 'live' })
    expect((await get('/health/ready')).body).toEqual({
      status: 'ready',
      checks: { log: 'ok', store: 'ok', stages: 'ok' },
    })
    fake.notReady = ['The stage route restarts.']
    const { status, headers, body } = await get('/health/ready')
    expect([status, headers.get('retry-after')]).toEqual([503, '1'])
    expect(body).toMatchObject({
      detail: 'The stage route restarts.',
      errors: [{ path: '', message: 'The stage route restarts.' }],
      checks: { log: 'ok', store: 'ok', stages: 'The stage route restarts.' },
    })
    expect((await get('/health/live')).status).toBe(200)
    fake.notReady = []
    const { get: getRecord } = fake.records
    Object.assign(fake.records, { get: () => Promise.reject(new Error('away')) })
    expect((await get('/health/ready')).body).toMatchObject({
      detail: 'The store: It cannot be reached.',
      checks: { log: 'ok', store: 'It cannot be reached.', stages: 'ok' },
    })
    expect((await get('/health/ready?without=store')).status).toBe(200)
    Object.assign(fake.records, { get: getRecord })
  })

  it('do not wait for stages that do not answer', async () => {
    const { get, fake } = testClient()
    Object.assign(fake.flow, { problems: () => new Promise(() => undefined) })
    expect((await get('/health/ready')).body).toMatchObject({
      checks: { log: 'ok', store: 'ok', stages: 'The stages do not answer.' },
    })
  })
})
