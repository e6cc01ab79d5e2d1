import { describe, expect, it } from 'vitest'
import { fakeNowMs } from '../../testing/ingress/ports-fake.js'
import { refusal, testClient } from '../../testing/ingress/test-client.js'

const hello = { to: 'user-42', content: { body: 'Hello' } }
const path = '/v1/notifications'
const unseen = 'Must not have characters that nobody sees, such as marks of direction or soft hyphens.'

describe('POST /v1/notifications', () => {
  it('answers 202 with the id and where to find it, once the event is accepted', async () => {
    const { post, fake } = testClient()
    const { status, body, headers } = await post(path, hello)
    const [event] = fake.accepted
    expect(status).toBe(202)
    expect(body).toEqual({
      id: event?.id,
      status: 'accepted',
      recipient: 'user-42',
      createdAt: new Date(fakeNowMs).toISOString(),
    })
    expect(headers.get('location')).toBe(`/v1/notifications/${event?.id}`)
  })

  it('carries a valid traceparent and drops a broken one', async () => {
    const { post, fake } = testClient()
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    await post(path, hello, { traceparent })
    await post(path, hello, { traceparent: '00-00000000000000000000000000000000-00f067aa0ba902b7-01' })
    expect(fake.accepted.map((event) => event.traceparent)).toEqual([traceparent, null])
  })

  it('makes one notification for each recipient of an array, in one batch', async () => {
    const { post, fake } = testClient()
    const { status, body, headers } = await post(path, { ...hello, to: ['a', { email: 'b@example.com' }, 'c'] })
    const { batchId, notifications } = body as { batchId: string; notifications: { id: string }[] }
    expect(status).toBe(202)
    expect(headers.get('location')).toBe(`/v1/batches/${batchId}`)
    expect(fake.accepted.map(({ id, recipient, batchId }) => ({ id, recipient, batchId }))).toEqual(
      ['a', 'b@example.com', 'c'].map((recipient, index) => ({ id: notifications[index]?.id, recipient, batchId })),
    )
    expect(new Set(notifications.map(({ id }) => id)).size).toBe(3)
  })

  it('tells a recipient who is named several times once, and answers so, to the repeat of a key as well', async () => {
    const { post, fake } = testClient()
    const to = ['a', { email: 'B@Example.com' }, 'a', { id: 'a' }, { email: 'b@example.com' }, 'b']
    const request = { ...hello, to, idempotencyKey: 'k' }
    const { body } = await post(path, request)
    expect(fake.accepted.map(({ recipient }) => recipient)).toEqual(['a', 'B@Example.com', 'b'])
    const [a, email, b] = fake.accepted.map(({ id }) => id)
    const notifications = [
      ...[{ id: a }, { id: email }, { id: a, repeated: true }, { id: a, repeated: true }],
      ...[{ id: email, repeated: true }, { id: b }],
    ]
    expect(body).toEqual({ batchId: expect.any(String), notifications })
    expect((await post(path, request)).body).toEqual(body)
    expect(fake.accepted.length).toBe(3)
  })

  it('accepts none of an array when one is bad', async () => {
    const { post, fake } = testClient()
    expect(refusal(await post(path, { ...hello, to: ['a', { email: '' }, 7] }))).toEqual([
      400,
      'to.1.email: Must not be empty.',
      'to.2: Must be a string. Or: Must be an object.',
    ])
    expect(refusal(await post(path, { ...hello, to: [] }))).toEqual([400, 'to: Must be at least 1 long.'])
    const many = Array.from({ length: 1001 }, (_, index) => `user-${index}`)
    expect(refusal(await post(path, { ...hello, to: many }))).toEqual([400, 'to: Must be at most 1000 long.'])
    expect(fake.accepted).toEqual([])
  })
})

describe('a request that is not valid', () => {
  const cases: [string, Record<string, unknown>, ...string[]][] = [
    ['has no recipient', { to: undefined }, 'to: Required.'],
    [
      'has a recipient of a wrong type',
      { to: 5 },
      'to: Must be a string. Or: Must be an object. Or: Must be an array.',
    ],
    ['has an empty recipient', { to: '' }, 'to: Must not be empty.'],
    ['has no address', { to: {} }, 'to: Needs one of id, email, phone, device, webhook, slack.'],
    ['has an id of more than 256 bytes', { to: 'ü'.repeat(129) }, 'to: Must be at most 256 bytes.'],
    ['has marks of direction in an address', { to: { email: 'an\u202ena@b.c' } }, `to.email: ${unseen}`],
    [
      'has a soft hyphen in a domain',
      { to: [{ email: 'a@b.c' }, { id: 'u', email: 'a@b\u00adc.d' }] },
      `to.1.email: ${unseen}`,
    ],
    ['has a space without width in a number', { to: { phone: '+49\u200b15112345678' } }, `to.phone: ${unseen}`],
    ['has a control character in an id', { to: 'a\u0000b' }, 'to: Must not have control characters.'],
    ['has an unknown kind of address', { to: { id: 'a', fax: '1' } }, 'to.fax: Unknown field.'],
    [
      'has a long address and no id',
      { to: { webhook: `https://example.com/${'x'.repeat(300)}` } },
      'to: Needs an id beside an address longer than 256 bytes.',
    ],
    ['has unknown fields', { subject: 'x', body: 'y' }, 'subject: Unknown field.', 'body: Unknown field.'],
    ['says nothing', { content: undefined }, 'content: Needs a template or content.'],
    ['has empty content', { content: {} }, 'content: Needs one of email, sms, push, inapp, webhook, slack.'],
    ['has an empty body', { content: { body: '' } }, 'content.body: Must not be empty.'],
    ['has an e-mail without a body', { content: { email: { subject: 'x' } } }, 'content.email: Needs html or text.'],
    [
      'has a field that its channel does not',
      { content: { sms: { text: 'x', title: 'y' } } },
      'content.sms.title: Unknown field.',
    ],
    [
      'has content for an unknown channel',
      { content: { fax: { text: 'x' } } },
      'content.fax: Unknown field.',
      'content: Needs one of email, sms, push, inapp, webhook, slack.',
    ],
    [
      'has an empty text',
      { content: { sms: { text: '' }, push: { title: '', body: 'x' } } },
      'content.sms.text: Must not be empty.',
      'content.push.title: Must not be empty.',
    ],
    ['names no channel', { channels: [] }, 'channels: Must be at least 1 long.'],
    [
      'names an unknown channel',
      { channels: ['fax'] },
      'channels.0: Must be one of email, sms, push, inapp, webhook, slack.',
    ],
    ['has an unknown priority', { priority: 'urgent' }, 'priority: Must be one of high, normal, low.'],
    ['names an unknown template', { template: 'none' }, 'template: There is no template with this id.'],
    ['has data that is no object', { data: [1] }, 'data: Must be an object.'],
    ['has too much data', { data: { x: 'x'.repeat(65536) } }, 'data: Must be at most 65536 bytes as JSON.'],
    ['has too much metadata', { metadata: { x: 'ü'.repeat(2048) } }, 'metadata: Must be at most 4096 bytes as JSON.'],
    [
      'has a time without an offset',
      { sendAt: '2030-01-31T09:00:00' },
      'sendAt: Must be a time with an offset, such as 2030-01-31T09:00:00Z.',
    ],
    [
      'has a time that is none',
      { sendAt: '2030-02-30T09:00:00Z' },
      'sendAt: Must be a time with an offset, such as 2030-01-31T09:00:00Z.',
    ],
    ['has expired', { expiresAt: '2029-12-31T23:59:59Z' }, 'expiresAt: Must be in the future.'],
    [
      'expires before it is sent',
      { sendAt: '2030-01-03T00:00:00Z', expiresAt: '2030-01-02T00:00:00Z' },
      'expiresAt: Must be after sendAt.',
    ],
    ['has two kinds of dedupe', { dedupe: { key: 'a', by: 'content' } }, 'dedupe: Needs either key or by.'],
    ['has no kind of dedupe', { dedupe: { windowMs: 1000 } }, 'dedupe: Needs either key or by.'],
    ['has too short a window', { dedupe: { key: 'a', windowMs: 999 } }, 'dedupe.windowMs: Must be at least 1000.'],
    [
      'has too long a window',
      { dedupe: { key: 'a', windowMs: 2592000001 } },
      'dedupe.windowMs: Must be at most 2592000000.',
    ],
    ['has an empty idempotency key', { idempotencyKey: '' }, 'idempotencyKey: Must not be empty.'],
  ]
  it.each(cases)('is 400 and says where when it %s', async (_title, change, ...errors) => {
    const { post, fake } = testClient()
    expect(refusal(await post(path, { ...hello, ...change }))).toEqual([400, ...errors])
    expect(fake.accepted).toEqual([])
  })

  it('is 400 when it is no object at all', async () => {
    const { post } = testClient()
    for (const body of ['[]', 'null', '"x"', '5']) {
      expect(refusal(await post(path, body))).toEqual([400, ': Must be an object.'])
    }
  })

  it('is 400 when it has a __proto__ key anywhere', async () => {
    const { post } = testClient()
    const body = '{"to":"a","content":{"body":"x"},"data":{"list":[{"__proto__":{"admin":true}}]}}'
    expect(refusal(await post(path, body))).toEqual([400, 'data.list.0.__proto__: Unknown field.'])
    expect('admin' in {}).toBe(false)
  })

  it('is 400 when it is nested without end', async () => {
    const { post } = testClient()
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
    const answered = await post(path, `{"to":"a","content":{"body":"x"},"data":{"deep":${deep}}}`)
    const path62 = `data.deep${'.0'.repeat(62)}`
    expect(refusal(answered)).toEqual([400, `${path62}: Must not be nested more than 64 deep.`])
  })
})

describe('a body', () => {
  it('is 400 where it is no JSON, without quoting it', async () => {
    const { post } = testClient()
    for (const body of ['{"to":"ada@example.com",', '{"to":ada@example.com}', '']) {
      const { status, body: problem } = await post(path, body)
      expect(problem).toMatchObject({ type: 'urn:carillon:problem:malformed-json' })
      // A correlation id is hexadecimal, and may well hold the word by chance.
      const told = { ...(problem as object), correlationId: '' }
      expect([status, JSON.stringify(told).includes('ada')]).toEqual([400, false])
    }
  })

  it('is 415 where it is not declared as JSON', async () => {
    const { post } = testClient()
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', '']) {
      expect((await post(path, hello, { 'content-type': type })).status).toBe(415)
    }
    for (const type of ['application/json; charset=utf-8', 'application/vnd.api+json', 'APPLICATION/JSON']) {
      expect((await post(path, hello, { 'content-type': type })).status).toBe(202)
    }
  })

  it('is 413 over 1 MiB, whether its length is declared or not', async () => {
    const { post } = testClient()
    const body = JSON.stringify({ ...hello, content: { body: 'x'.repeat(1024 * 1024) } })
    expect((await post(path, body)).status).toBe(413)
    expect((await post(path, body, { 'content-length': String(body.length) })).status).toBe(413)
    const fits = JSON.stringify({ ...hello, content: { body: 'x'.repeat(1024 * 1024 - 100) } })
    expect((await post(path, fits)).status).toBe(202)
  })
})

describe('an idempotency key', () => {
  it('gives the first answer again for the same body, however it is written', async () => {
    const { post, fake } = testClient()
    const first = await post(path, '{"to":"a","content":{"body":"x"}}', { 'idempotency-key': 'k-1' })
    const again = await post(path, '{ "content": {"body": "x"}, "idempotencyKey": "k-1", "to": "a" }')
    expect([again.status, again.body]).toEqual([202, first.body])
    expect(again.headers.get('location')).toBe(first.headers.get('location'))
    expect([first, again].map(({ headers }) => headers.get('idempotency-replayed'))).toEqual([null, 'true'])
    expect(fake.accepted.length).toBe(1)
  })

  it('gives it also where the request would not be taken any more', async () => {
    const { fake, ...client } = testClient()
    await client.post('/v1/templates', { id: 'short-lived', channels: { sms: { text: 'Hello' } } })
    const request = { to: 'a', template: 'short-lived', idempotencyKey: 'k-1' }
    const first = await client.post(path, request)
    await client.delete('/v1/templates/short-lived')
    const again = await client.post(path, request)
    expect([first.status, again.status, again.body]).toEqual([202, 202, first.body])
    expect((await client.post(path, { ...request, idempotencyKey: 'k-2' })).status).toBe(400)
    expect(fake.accepted.length).toBe(1)
  })

  it('works for an array of recipients', async () => {
    const { post, fake } = testClient()
    const request = { ...hello, to: ['a', 'b'], idempotencyKey: 'k-1' }
    const first = await post(path, request)
    const again = await post(path, request)
    expect(again.body).toEqual(first.body)
    expect(again.headers.get('location')).toBe(first.headers.get('location'))
    expect(fake.accepted.length).toBe(2)
  })

  it('is 422 with another body and 409 while the first is under way', async () => {
    const { post, fake } = testClient()
    const key = { 'idempotency-key': 'k-1' }
    await post(path, hello, key)
    expect((await post(path, { ...hello, priority: 'high' }, key)).status).toBe(422)
    fake.pending = true
    const pending = await post(path, hello, key)
    expect([pending.status, pending.headers.get('retry-after')]).toEqual([409, '1'])
    expect(fake.accepted.length).toBe(1)
  })

  it('is 400 when header and field differ or the header is too long', async () => {
    const { post } = testClient()
    expect(refusal(await post(path, { ...hello, idempotencyKey: 'a' }, { 'idempotency-key': 'b' }))).toEqual([
      400,
      'Idempotency-Key: Must be the same as the field idempotencyKey, or one of them left out.',
    ])
    expect(refusal(await post(path, hello, { 'idempotency-key': 'k'.repeat(257) }))).toEqual([
      400,
      'Idempotency-Key: Must be at most 256 bytes.',
    ])
  })
})
