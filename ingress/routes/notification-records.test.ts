import { describe, expect, it } from 'vitest'
import { errorsOf, refusal, testClient } from '../../testing/ingress/test-client.js'

type Client = ReturnType<typeof testClient>

async function sent(client: Client, change: object = {}): Promise<string> {
  const { body } = await client.post('/v1/notifications', { to: 'a', content: { body: 'x' }, ...change })
  return (body as { id: string }).id
}

/** Resolves when somebody watches the records. */
async function watched({ fake }: Client): Promise<void> {
  while (fake.watchers === 0) await new Promise((resolve) => setImmediate(resolve))
}

describe('GET /v1/notifications/{id}', () => {
  it('shows the record', async () => {
    const client = testClient()
    const id = await sent(client)
    const { status, body } = await client.get(`/v1/notifications/${id}`)
    expect(status).toBe(200)
    expect(body).toEqual({
      id,
      status: 'accepted',
      recipient: 'a',
      channels: [],
      priority: 'normal',
      createdAt: '2030-01-01T00:00:00.000Z',
      updatedAt: '2030-01-01T00:00:00.000Z',
      origin: 'native',
      deliveries: [],
      timeline: [{ at: '2030-01-01T00:00:00.000Z', stage: 'ingress', event: 'accepted' }],
    })
  })

  it('is 404 at once for an unknown id, and 400 for one that is too long', async () => {
    const { get } = testClient({ settleWaitMs: 60_000 })
    expect((await get('/v1/notifications/none')).status).toBe(404)
    expect((await get('/v1/notifications/0192f3a0-0000-7000-8000-000000000000')).status).toBe(404)
    expect((await get(`/v1/notifications/${'x'.repeat(257)}`)).status).toBe(400)
  })

  it('waits for the record of a fresh id, and no longer than it should', async () => {
    const client = testClient({ settleWaitMs: 20 })
    const fresh = client.fake.newId()
    expect((await client.get(`/v1/notifications/${fresh}`)).status).toBe(404)
    expect(client.fake.watchers).toBe(0)
  })

  it('waits for the end when asked to', async () => {
    const client = testClient()
    const id = await sent(client)
    const waiting = client.get(`/v1/notifications/${id}?wait=60s`)
    await watched(client)
    client.fake.record(id, { status: 'processing' })
    client.fake.record(id, { status: 'sent' })
    expect((await waiting).body).toMatchObject({ id, status: 'sent' })
    expect(client.fake.watchers).toBe(0)
  })

  it('answers with what there is when the time is up', async () => {
    const client = testClient()
    const id = await sent(client)
    expect((await client.get(`/v1/notifications/${id}?wait=5ms`)).body).toMatchObject({ id, status: 'accepted' })
  })

  it('is 400 for a wait that is none or too long', async () => {
    const { get } = testClient()
    for (const wait of ['61s', '2m', '-1s', 'soon', '']) {
      expect(refusal(await get(`/v1/notifications/x?wait=${wait}`))).toEqual([
        400,
        'wait: Must be a duration, such as 10s, of 60s at most.',
      ])
    }
  })
})

describe('GET /v1/notifications', () => {
  it('pages through all of them', async () => {
    const client = testClient()
    const ids = [await sent(client), await sent(client), await sent(client)].reverse()
    const first = (await client.get('/v1/notifications?limit=2')).body as { data: { id: string }[]; nextCursor: string }
    const last = (await client.get(`/v1/notifications?limit=2&cursor=${first.nextCursor}`)).body as typeof first
    expect([...first.data, ...last.data].map(({ id }) => id)).toEqual(ids)
    expect(last.nextCursor).toBeNull()
  })

  it('filters', async () => {
    const client = testClient()
    const id = await sent(client, { to: 'b', channels: ['sms'] })
    await sent(client)
    client.fake.record(id, { status: 'sent' })
    const found = async (query: string) => {
      const { body } = await client.get(`/v1/notifications?${query}`)
      return (body as { data: { id: string }[] }).data.map((one) => one.id)
    }
    for (const query of ['status=sent', 'channel=sms', 'recipient=b', 'recipient=b&status=sent&channel=sms']) {
      expect([query, await found(query)]).toEqual([query, [id]])
    }
    expect(await found('to=2030-01-01T00:00:00Z')).toEqual([])
    expect(await found('from=2030-01-01T01:00:00+01:00&status=sent')).toEqual([id])
    expect(await found('from=2030-01-01T00:00:01Z')).toEqual([])
  })

  it('is 400 for a filter that is not valid, unknown, or a bad cursor', async () => {
    const { get } = testClient()
    expect(errorsOf(await get('/v1/notifications?status=sent&channel=sms&status=failed'))).toEqual([
      'status: Must be given once.',
    ])
    const badQueries = 'status=done&channel=fax&from=yesterday&limit=0&cursor=&colour=red'
    const answered = await get(`/v1/notifications?${badQueries}`)
    expect([answered.status, errorsOf(answered).map((error) => error.split(':')[0])]).toEqual([
      400,
      ['limit', 'cursor', 'status', 'channel', 'from', 'colour'],
    ])
    expect((await get('/v1/notifications?limit=1001')).status).toBe(400)
    expect(refusal(await get('/v1/notifications?cursor=broken'))).toEqual([
      400,
      'cursor: Must be a nextCursor of this list.',
    ])
  })
})

describe('POST /v1/notifications/{id}/cancel', () => {
  it('sends the command behind its notification and tells the verdict', async () => {
    const client = testClient({ settleWaitMs: 60_000 })
    const id = await sent(client, { priority: 'low' })
    client.fake.onCancel = () => client.fake.record(id, { status: 'cancelled' })
    const { status, body } = await client.post(`/v1/notifications/${id}/cancel`, undefined, {
      'x-correlation-id': 'c-1',
    })
    expect([status, body]).toEqual([200, { id, status: 'cancelled' }])
    expect(client.fake.cancels).toEqual([
      {
        command: { id, tenant: 'default', recipient: 'a', correlationId: 'c-1', requestedAtMs: client.fake.nowMs() },
        lane: 'low',
      },
    ])
    const again = await client.post(`/v1/notifications/${id}/cancel`)
    expect([again.status, client.fake.cancels.length]).toEqual([200, 1])
  })

  it('is 409 when it ended first, or was on its way', async () => {
    const client = testClient({ settleWaitMs: 60_000 })
    const [ended, sending] = [await sent(client), await sent(client)]
    client.fake.onCancel = ({ id }) => {
      const at = new Date(client.fake.nowMs()).toISOString()
      if (id === ended) client.fake.record(id, { status: 'delivered' })
      else client.fake.record(id, { timeline: [{ at, stage: 'throttle', event: 'cancel-refused' }] })
    }
    for (const id of [ended, sending]) expect((await client.post(`/v1/notifications/${id}/cancel`)).status).toBe(409)
    expect((await client.post(`/v1/notifications/${ended}/cancel`)).status).toBe(409)
    expect(client.fake.cancels.length).toBe(2)
  })

  it('does not take an earlier refusal for the verdict', async () => {
    const client = testClient()
    const id = await sent(client)
    const at = new Date(client.fake.nowMs() - 1).toISOString()
    client.fake.record(id, { timeline: [{ at, stage: 'throttle', event: 'cancel-refused' }] })
    expect((await client.post(`/v1/notifications/${id}/cancel`)).status).toBe(202)
  })

  it('is 202 while it is not decided, and 404 for an unknown one', async () => {
    const client = testClient({ settleWaitMs: 5 })
    const id = await sent(client)
    const { status, body } = await client.post(`/v1/notifications/${id}/cancel`)
    expect([status, body]).toEqual([202, { id, status: 'accepted' }])
    expect((await client.post('/v1/notifications/none/cancel')).status).toBe(404)
  })
})
