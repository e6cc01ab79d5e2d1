import { describe, expect, test } from 'vitest'
import type { NotificationRecord } from '../../schemas/record.js'
import { created, id, path, pending, sms } from '../../testing/ingress/compat/c-requests-sample.js'
import { testClient } from '../../testing/ingress/test-client.js'

describe('a batch', () => {
  const counts = { pending_count: 2, delivered_count: 0, failed_count: 0, cancelled_count: 0, created_at: created }

  test('is accepted as a whole, and counted', async () => {
    const { fake, post, get } = testClient()
    const { status, body } = await post(`${path}/batch`, { notifications: [sms, { ...sms, priority: 'low' }] })
    const batch = { id: id(1), total_count: 2, ...counts }
    expect(status).toBe(201)
    expect(body).toEqual({
      batch,
      notifications: [
        { ...pending, id: id(2), batch_id: id(1) },
        { ...pending, id: id(3), batch_id: id(1), priority: 'low', max_retries: 2 },
      ],
    })
    fake.record(id(2), { status: 'sent' })
    fake.record(id(3), { status: 'expired' })
    const ended = { ...batch, pending_count: 0, delivered_count: 1, failed_count: 1 }
    expect((await get(`/api/v1/batches/${id(1)}`)).body).toEqual(ended)
    expect((await get('/api/v1/batches/none')).status).toBe(404)
  })

  test('with a bad one is refused as a whole, by its place', async () => {
    const { fake, post } = testClient()
    const answered = await post(`${path}/batch`, { notifications: [sms, { ...sms, recipient: '1' }] })
    expect([answered.status, answered.body]).toEqual([
      400,
      { error: expect.stringContaining('notifications.1.recipient: ') },
    ])
    expect((await post(`${path}/batch`, { notifications: [] })).status).toBe(400)
    const tooMany = { notifications: Array.from({ length: 1001 }, () => sms) }
    expect((await post(`${path}/batch`, tooMany)).body).toEqual({ error: 'notifications: Must be at most 1000 long.' })
    expect(fake.accepted).toEqual([])
  })

  test('sent again because its answer was lost is the first one, where its notifications have keys', async () => {
    const { fake, post } = testClient()
    const notifications = ['a', 'b'].map((idempotency_key) => ({ ...sms, idempotency_key }))
    const first = await post(`${path}/batch`, { notifications })
    expect(first.body).toMatchObject({ batch: { id: id(1), total_count: 2 } })
    const again = await post(`${path}/batch`, { notifications })
    expect(again.body).toMatchObject({
      batch: { id: id(1) },
      notifications: [{ id: id(2) }, { id: id(3) }],
    })
    expect(fake.accepted.length).toBe(2)
    const more = await post(`${path}/batch`, { notifications: [...notifications, sms] })
    expect(more.body).toMatchObject({ batch: { total_count: 1 }, notifications: [{ id: id(2) }, { id: id(3) }, {}] })
  })

  test('of keys that are known from elsewhere is a 409, and with one key twice a 400', async () => {
    const { fake, post } = testClient()
    await post(path, { ...sms, idempotency_key: 'a' })
    const one = { ...sms, idempotency_key: 'a' }
    const known = await post(`${path}/batch`, { notifications: [one] })
    expect([known.status, known.body]).toEqual([
      409,
      { error: 'Every idempotency key is known, and they are not those of one batch.' },
    ])
    const twice = await post(`${path}/batch`, { notifications: [one, sms, one] })
    expect([twice.status, twice.body]).toEqual([
      400,
      { error: 'notifications.2.idempotency_key: The same as that of notifications.0.' },
    ])
    expect(fake.accepted.length).toBe(1)
  })
})

describe('the list', () => {
  test('goes on where its cursor says, filtered by the words of the contract', async () => {
    const { fake, post, get } = testClient()
    for (let number = 0; number < 5; number++) await post(path, { ...sms, content: `${number}` })
    for (const [number, status] of ['sent', 'delivered', 'expired', 'failed', 'accepted'].entries()) {
      fake.record(id(number + 1), { status: status as NotificationRecord['status'] })
    }
    const ids = async (query: string) => {
      const { data, next_cursor } = (await get(`${path}?${query}`)).body as {
        data: { id: string }[]
        next_cursor: string | null
      }
      return [data.map((one) => Number.parseInt(one.id.slice(-12), 16)), next_cursor]
    }
    expect(await ids('page_size=2')).toEqual([[5, 4], '2'])
    expect(await ids('page_size=2&cursor=2')).toEqual([[3, 2], '4'])
    expect(await ids('page_size=2&cursor=4')).toEqual([[1], null])
    expect(await ids('status=delivered')).toEqual([[2, 1], null])
    expect(await ids('status=failed&channel=sms')).toEqual([[4, 3], null])
    expect(await ids('channel=email')).toEqual([[], null])
    expect(await ids('date_from=2030-01-01T00:00:00Z&date_to=2030-01-01T01:00:00%2B01:00')).toEqual([[], null])
  })

  test.each(['status=sent', 'channel=fax', 'page_size=0', 'page_size=x', 'date_from=today', 'cursor=no'])(
    '%s is refused',
    async (query) => {
      const { get } = testClient()
      const answered = await get(`${path}?${query}`)
      expect([answered.status, answered.body]).toEqual([
        400,
        { error: expect.stringContaining(query.split('=')[0] ?? '') },
      ])
    },
  )

  test('has 100 at most, whatever is asked', async () => {
    const { post, get } = testClient()
    await post(`${path}/batch`, { notifications: Array.from({ length: 101 }, () => sms) })
    const sizes = ['', '?page_size=1000'].map(
      async (query) => ((await get(`${path}${query}`)).body as { data: [] }).data.length,
    )
    expect(await Promise.all(sizes)).toEqual([20, 100])
  })
})

describe('a cancel', () => {
  test('is the notification, cancelled', async () => {
    const { fake, post, patch } = testClient({ settleWaitMs: 1000 })
    await post(path, sms)
    fake.onCancel = ({ id: cancelled }) => fake.record(cancelled, { status: 'cancelled' })
    const { status, body } = await patch(`${path}/${id(1)}/cancel`)
    expect([status, body]).toEqual([200, { ...pending, status: 'cancelled' }])
    expect((await patch(`${path}/${id(1)}/cancel`)).body).toEqual({ error: 'It is cancelled already.' })
  })

  test('too late is a 409; of an unknown one a 404', async () => {
    const { fake, post, patch } = testClient()
    await post(path, sms)
    fake.record(id(1), { status: 'sent' })
    const { status, body } = await patch(`${path}/${id(1)}/cancel`)
    expect([status, body]).toEqual([409, { error: 'It is delivered already.' }])
    expect((await patch(`${path}/none/cancel`)).body).toEqual({ error: 'There is no notification with this id.' })
  })
})

describe('a template', () => {
  const template = { name: 'code', channel: 'sms', body: 'Your code is {{.Code}}.' }
  const shown = { id: id(1), ...template, created_at: created, updated_at: created }

  test('is stored, found, listed beside those of other ways in, and used by its id', async () => {
    const { fake, post, get } = testClient()
    await post('/v1/templates', { id: 'native', channels: { sms: { text: '{{ x }}' } } })
    const { status, body } = await post('/api/v1/templates', template)
    expect([status, body]).toEqual([201, shown])
    expect((await get(`/api/v1/templates/${id(1)}`)).body).toEqual(shown)
    expect((await get('/api/v1/templates/native')).status).toBe(404)
    expect((await get('/api/v1/templates')).body).toEqual({ data: [shown], next_cursor: null })
    const asked = {
      channel: 'sms',
      recipient: sms.recipient,
      priority: 'normal',
      template_id: id(1),
      template_variables: { Code: '4711' },
    }
    expect((await post(path, asked)).body).toMatchObject({
      content: '',
      template_id: id(1),
      template_variables: { Code: '4711' },
    })
    expect(fake.accepted[0]).toMatchObject({
      template: { id: id(1), version: 1 },
      data: '{"Code":"4711"}',
      content: null,
    })
    expect((await get(`/v1/templates/${id(1)}`)).body).toMatchObject({
      channels: { sms: { text: 'Your code is {{ Code }}.' } },
    })
  })

  test('that is unknown, or of another channel, is refused', async () => {
    const { post } = testClient()
    await post('/api/v1/templates', template)
    const unknown = await post(path, { ...sms, template_id: 'none' })
    expect([unknown.status, unknown.body]).toEqual([404, { error: 'There is no template with this id.' }])
    const other = await post(path, { ...sms, channel: 'push', template_id: id(1) })
    expect([other.status, other.body]).toEqual([400, { error: 'template_id: The template is not for push.' }])
    const batch = await post(`${path}/batch`, { notifications: [sms, { ...sms, channel: 'push', template_id: id(1) }] })
    expect([batch.status, batch.body]).toEqual([
      400,
      { error: 'notifications.1.template_id: The template is not for push.' },
    ])
  })

  test.each([
    [{ body: 'Hi\n  {{if .X}}y{{end}}' }, 'body: Only variables such as {{.Name}} are understood. (line 2, column 3)'],
    [{ body: '' }, 'body: Must not be empty.'],
    [{ name: '' }, 'name: Must not be empty.'],
    [{ channel: 'inapp' }, 'channel: Must be one of sms, email, push.'],
  ])('%j is refused', async (wrong, error) => {
    const { post } = testClient()
    const answered = await post('/api/v1/templates', { ...template, ...wrong })
    expect([answered.status, answered.body]).toEqual([400, { error }])
  })
})

test.each(['DELETE', 'PUT'] as const)('what the contract does not answer is told its way: %s', async (method) => {
  const { app } = testClient()
  const answer = await app.request(path, { method })
  expect([answer.status, await answer.json()]).toEqual([404, { error: expect.any(String) }])
})

test('metrics and health', async () => {
  const { get } = testClient()
  const none = { sent: 0, failed: 0, avg_latency_ms: 0, success_rate: 0 }
  expect((await get('/api/v1/metrics')).body).toEqual({
    channels: { sms: none, email: { sent: 1, failed: 1, avg_latency_ms: 1.5, success_rate: 0.5 }, push: none },
  })
  expect((await get('/health')).body).toEqual({ status: 'ok' })
  expect((await get('/swagger/')).body).toContain('swagger-ui')
})
