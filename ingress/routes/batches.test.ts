import { describe, expect, it } from 'vitest'
import { fakeNowMs } from '../../testing/ingress/ports-fake.js'
import { refusal, testClient } from '../../testing/ingress/test-client.js'

const good = { to: 'a', content: { body: 'x' } }
const path = '/v1/notifications/batch'

describe('POST /v1/notifications/batch', () => {
  it('accepts the good ones and tells what is wrong with the others', async () => {
    const { post, fake } = testClient()
    const bad = [
      { to: '' },
      { ...good, template: 'none' },
      5,
      { ...good, to: ['a', 'b'] },
      { ...good, idempotencyKey: 'k' },
    ]
    const { status, body, headers } = await post(path, { notifications: [good, ...bad, { ...good, to: 'b' }] })
    const [first, last] = fake.accepted
    const problem = (...errors: [string, string][]) =>
      expect.objectContaining({
        type: 'urn:carillon:problem:invalid-request',
        status: 400,
        errors: errors.map(([path, message]) => ({ path, message })),
      })
    expect(status).toBe(202)
    expect(body).toEqual({
      batchId: first?.batchId,
      accepted: [
        { index: 0, id: first?.id },
        { index: 6, id: last?.id },
      ],
      rejected: [
        { index: 1, problem: problem(['to', 'Must not be empty.'], ['content', 'Needs a template or content.']) },
        { index: 2, problem: problem(['template', 'There is no template with this id.']) },
        { index: 3, problem: problem(['', 'Must be an object.']) },
        { index: 4, problem: problem(['to', 'Must be a string. Or: Must be an object.']) },
        { index: 5, problem: problem(['idempotencyKey', 'Unknown field.']) },
      ],
    })
    expect(headers.get('location')).toBe(`/v1/batches/${first?.batchId}`)
    expect(fake.accepted.map(({ recipient, batchId }) => [recipient, batchId])).toEqual([
      ['a', first?.batchId],
      ['b', first?.batchId],
    ])
  })

  it('is 400 when none is good, is empty or is too many', async () => {
    const { post, fake } = testClient()
    expect(refusal(await post(path, { notifications: [{ ...good, to: '' }, 5] }))).toEqual([
      400,
      'notifications.0.to: Must not be empty.',
      'notifications.1: Must be an object.',
    ])
    expect(refusal(await post(path, { notifications: [] }))).toEqual([400, 'notifications: Must be at least 1 long.'])
    const many = Array.from({ length: 1001 }, () => good)
    expect(refusal(await post(path, { notifications: many }))).toEqual([
      400,
      'notifications: Must be at most 1000 long.',
    ])
    expect(refusal(await post(path, [good]))).toEqual([400, ': Must be an object.'])
    expect(refusal(await post(path, { notifications: [good], other: 1 }))).toEqual([400, 'other: Unknown field.'])
    expect(fake.accepted).toEqual([])
  })

  it('takes 8 MiB and no more', async () => {
    const { post } = testClient()
    const item = { to: 'a', content: { body: 'x'.repeat(1024 * 1024) } }
    expect((await post(path, { notifications: Array.from({ length: 7 }, () => item) })).status).toBe(202)
    expect((await post(path, { notifications: Array.from({ length: 8 }, () => item) })).status).toBe(413)
  })

  it('gives the first answer again for its idempotency key', async () => {
    const { post, fake } = testClient()
    const request = { notifications: [good, 5], idempotencyKey: 'k-1' }
    const first = await post(path, request)
    const again = await post(path, request)
    expect([again.status, again.body]).toEqual([202, first.body])
    expect(again.headers.get('location')).toBe(first.headers.get('location'))
    expect((await post(path, { ...request, notifications: [good] })).status).toBe(422)
    expect(fake.accepted.length).toBe(1)
  })
})

describe('GET /v1/batches/{id}', () => {
  it('counts by status', async () => {
    const { get, post, fake } = testClient()
    const { body } = await post('/v1/notifications', { ...good, to: ['a', 'b', 'c'] })
    const { batchId, notifications } = body as { batchId: string; notifications: { id: string }[] }
    fake.record(notifications[1]?.id ?? '', { status: 'sent' })
    expect(await get(`/v1/batches/${batchId}`)).toMatchObject({
      status: 200,
      body: { batchId, total: 3, createdAt: new Date(fakeNowMs).toISOString(), counts: { accepted: 2, sent: 1 } },
    })
  })

  it('is 404 for an unknown one', async () => {
    const { get } = testClient()
    expect((await get('/v1/batches/none')).status).toBe(404)
  })
})
