import { describe, expect, test } from 'vitest'
import type { NotificationRecord } from '../../schemas/record.js'
import { created, id, path, pending, sms } from '../../testing/ingress/compat/c-requests-sample.js'
import { fakeNowMs } from '../../testing/ingress/ports-fake.js'
import { testClient } from '../../testing/ingress/test-client.js'

describe('a notification', () => {
  test('is answered as it was asked, and found again the same', async () => {
    const { post, get } = testClient()
    const { status, body } = await post(path, sms)
    expect([status, body]).toEqual([201, pending])
    expect((await get(`${path}/${id(1)}`)).body).toEqual(pending)
  })

  test('goes out by the rules of its contract', async () => {
    const { fake, post } = testClient()
    await post(path, { ...sms, scheduled_at: '2030-01-01T02:00:00+01:00', unknown: 'ignored' })
    const [event] = fake.accepted
    expect(event).toMatchObject({
      recipient: sms.recipient,
      to: { id: null, phone: sms.recipient },
      channels: ['sms'],
      content: { '*': { subject: null, text: sms.content, html: null, data: null } },
      priority: 'high',
      sendAtMs: fakeNowMs + 3_600_000,
      origin: 'c',
      dedupe: null,
    })
  })

  test('shows what came of it', async () => {
    const { fake, post, get } = testClient()
    await post(path, sms)
    const attempt = (number: number, outcome: string, more = {}) => ({
      ...{ number, outcome, at: '2030-01-01T00:00:01.000Z', latencyMs: 40 },
      ...more,
    })
    const told = async (change: Partial<NotificationRecord>) => {
      fake.record(id(1), change)
      return (await get(`${path}/${id(1)}`)).body
    }
    const delivery = { id: 'd', channel: 'sms', status: 'sending' as const }
    const broken = attempt(1, 'transient', { error: 'It broke.' })
    expect(
      await told({
        ...{ status: 'scheduled', deliveries: [{ ...delivery, attempts: [broken] }] },
        timeline: [{ at: created, stage: 'throttle', event: 'released' }],
      }),
    ).toMatchObject({
      status: 'processing',
      error_message: 'It broke.',
      retry_count: 0,
      sent_at: null,
    })
    const sent = attempt(2, 'sent', { providerMessageId: 'p-1' })
    expect(await told({ status: 'sent', deliveries: [{ ...delivery, attempts: [broken, sent] }] })).toMatchObject({
      ...{ status: 'delivered', error_message: null, retry_count: 1, failed_at: null },
      ...{ sent_at: '2030-01-01T00:00:01.040Z', provider_message_id: 'p-1' },
    })
    const timeline = [{ at: created, stage: 'route', event: 'dropped', reason: 'too-long', detail: 'Too long.' }]
    expect(await told({ status: 'failed', deliveries: [], timeline })).toMatchObject({
      ...{ status: 'failed', error_message: 'Too long.', failed_at: created, sent_at: null },
    })
    for (const status of ['expired', 'suppressed', 'rejected'] as const) {
      expect(await told({ status })).toMatchObject({ status: 'failed' })
    }
  })

  test('has a key: the next request with it gets the notification, whatever else it says', async () => {
    const { fake, post } = testClient()
    await post(path, { ...sms, idempotency_key: 'order-1' })
    fake.record(id(1), { status: 'processing' })
    const { status, body } = await post(path, { ...sms, content: 'other', idempotency_key: 'order-1' })
    expect([status, body]).toEqual([409, { ...pending, status: 'processing' }])
    expect(fake.accepted.length).toBe(1)
    expect(
      (await post('/v1/notifications', { to: 'u', content: { body: 'x' }, idempotencyKey: 'order-1' })).status,
    ).toBe(202)
  })

  test('of another contract is not there', async () => {
    const { post, get, patch } = testClient()
    await post('/v1/notifications', { to: 'u', content: { body: 'x' } })
    expect((await get(`${path}/${id(1)}`)).status).toBe(404)
    expect((await patch(`${path}/${id(1)}/cancel`)).status).toBe(404)
    expect((await get(path)).body).toEqual({ data: [], next_cursor: null })
  })

  test('with a push token longer than an id is shown with all of it', async () => {
    const { post, get } = testClient()
    const recipient = 't'.repeat(2000)
    const push = { channel: 'push', recipient, content: 'x', priority: 'low' }
    expect((await post(path, push)).body).toMatchObject({ recipient, max_retries: 2 })
    expect((await get(`${path}/${id(1)}`)).body).toMatchObject({ recipient })
  })
})

const e160 = '😀'.repeat(160)
const combining = `${'e\u0301'.repeat(80)}`

test.each([[e160], [combining], ['x'.repeat(160)]])('160 code points are an SMS: %.10s', async (content) => {
  const { post } = testClient()
  expect((await post(path, { ...sms, content })).status).toBe(201)
  expect((await post(path, { ...sms, content: `${content}x` })).body).toEqual({
    error: 'content: Must be at most 160 characters.',
  })
})

test.each([
  [{ channel: 'fax' }, 'channel: Must be one of sms, email, push.'],
  [{ channel: undefined }, 'channel: Must be one of sms, email, push.'],
  [{ recipient: '015112345678' }, 'recipient: Must be a phone number in E.164 format, such as +4915112345678.'],
  [{ recipient: '' }, 'recipient: Must not be empty.'],
  [{ channel: 'email', recipient: 'ada' }, 'recipient: Must be an e-mail address.'],
  [{ content: '' }, 'content: Required, where there is no template_id.'],
  [
    { channel: 'email', recipient: 'a@b.example', content: 'x'.repeat(10_001) },
    'content: Must be at most 10000 characters.',
  ],
  [{ channel: 'push', recipient: 't', content: 'x'.repeat(4097) }, 'content: Must be at most 4096 characters.'],
  [{ priority: 'HIGH' }, 'priority: Must be one of high, normal, low.'],
  [{ scheduled_at: '2030-01-01T02:00:00' }, 'scheduled_at: '],
  [{ scheduled_at: 'tomorrow' }, 'scheduled_at: '],
  [{ idempotency_key: 'k'.repeat(257) }, 'idempotency_key: Must be at most 256 '],
  [{ template_variables: 'x' }, 'template_variables: '],
])('%j is refused', async (wrong, error) => {
  const { fake, post } = testClient()
  const answered = await post(path, { ...sms, ...wrong })
  expect([answered.status, answered.body]).toEqual([400, { error: expect.stringContaining(error) }])
  expect(fake.accepted).toEqual([])
})

test('a time that is past means now', async () => {
  const { fake, post } = testClient()
  const { status, body } = await post(path, { ...sms, scheduled_at: '2020-01-01T00:00:00Z' })
  expect([status, body]).toEqual([201, { ...pending, scheduled_at: '2020-01-01T00:00:00.000Z' }])
  expect(fake.accepted[0]?.sendAtMs).toBeNull()
})
