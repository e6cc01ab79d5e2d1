import { describe, expect, it } from 'vitest'
import type { DeadLetterRecord } from '../ports.js'
import { testClient } from '../test-client.js'

const letter: DeadLetterRecord = {
  id: 'notifications.requested.high-0-1-dedupe',
  at: '2030-01-01T00:00:00.000Z',
  stage: 'dedupe',
  topic: 'notifications.requested.high',
  partition: 0,
  offset: 1,
  cause: 'unreadable',
  detail: 'Cut off.',
  replays: 0,
  status: 'dead',
  headers: {},
  valueBase64: 'AA==',
  decoded: { id: 'x' },
}

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

describe('dead letters', () => {
  it('are listed, by stage and cause, and shown', async () => {
    const { get, fake } = testClient()
    fake.letters.set(letter.id, letter)
    expect((await get('/v1/dead-letters')).body).toEqual({ data: [letter], nextCursor: null })
    expect((await get('/v1/dead-letters?stage=dedupe&cause=unreadable')).body).toMatchObject({ data: [letter] })
    expect((await get('/v1/dead-letters?stage=route')).body).toMatchObject({ data: [] })
    expect((await get(`/v1/dead-letters/${letter.id}`)).body).toEqual(letter)
    expect((await get('/v1/dead-letters/none')).status).toBe(404)
  })

  it('are replayed once', async () => {
    const { post, fake } = testClient()
    fake.letters.set('a', { ...letter, id: 'a' })
    fake.letters.set('b', { ...letter, id: 'b', status: 'parked' })
    fake.letters.set('c', { ...letter, id: 'c', decoded: null })
    const replayed = await post('/v1/dead-letters/a/replay')
    expect([replayed.status, replayed.body]).toEqual([200, { id: 'a', status: 'replayed' }])
    for (const [id, status] of [
      ['a', 409],
      ['b', 409],
      ['c', 409],
      ['none', 404],
    ]) {
      expect([id, (await post(`/v1/dead-letters/${id}/replay`)).status]).toEqual([id, status])
    }
  })
})

describe('operations', () => {
  it('tell statistics, topology, flow, outbox and metrics', async () => {
    const { get, fake } = testClient()
    expect((await get('/v1/stats')).body).toEqual({
      channels: { email: { sent: 1, failed: 1, successRate: 0.5, latencyMs: { p50: 1, p95: 2, p99: 3 } } },
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
    expect((await get('/health/ready')).body).toEqual({ status: 'ready' })
    fake.notReady = ['The stage route restarts.']
    const { status, headers, body } = await get('/health/ready')
    expect([status, headers.get('retry-after')]).toEqual([503, '1'])
    expect(body).toMatchObject({
      detail: 'The stage route restarts.',
      errors: [{ path: '', message: 'The stage route restarts.' }],
    })
    expect((await get('/health/live')).status).toBe(200)
  })
})
