import { afterEach, describe, expect, test } from 'vitest'
import type { Message } from '../../../schemas/events.js'
import { closeAll, notificationOf, run } from '../../../testing/run/embedded/engine-sample.js'

afterEach(closeAll)

const nothing: Message = { subject: null, text: null, html: null, data: null }

describe('one notification', () => {
  test('goes through all six stages to the provider, and its timeline names each of them', async () => {
    const one = await run()
    const notification = notificationOf({ metadata: '{"order":7}' })
    expect(await one.accept([notification])).toEqual({ kind: 'accepted' })
    expect(await one.record(notification.id)).toMatchObject({ id: notification.id, status: 'accepted' })
    const { id } = notification
    const record = await one.ended(id)
    expect(one.calls).toEqual([{ key: `${id}.email`, attempt: 1, text: `Text of ${id}` }])
    expect(record).toMatchObject({
      id,
      status: 'sent',
      recipient: notification.recipient,
      channels: ['email'],
      priority: 'normal',
      correlationId: 'correlation',
      metadata: { order: 7 },
      deliveries: [{ id: `${id}.email`, channel: 'email', status: 'sent', attempts: [{ number: 1, outcome: 'sent' }] }],
    })
    expect(record.timeline.map(({ stage, event }) => `${stage} ${event}`)).toEqual([
      'ingress accepted',
      'dedupe admitted',
      'enrich-template rendered',
      'route routed',
      'throttle released',
      'deliver sent',
      'record recorded',
    ])
  })

  test('on several channels ends as the best of them, each tried on its own', async () => {
    const answer = ({ delivery }: { delivery: { channel: string } }) =>
      delivery.channel === 'sms' ? ({ outcome: 'permanent', error: 'no' } as const) : ({ outcome: 'sent' } as const)
    const one = await run(undefined, { answer })
    const to = { id: 'u', email: 'a@example.com', phone: '+4915112345678', device: null, webhook: null, slack: null }
    const notification = notificationOf({ channels: ['email', 'sms', 'push'], to })
    await one.accept([notification])
    const { status, deliveries } = await one.ended(notification.id)
    expect([status, deliveries.map(({ channel, status }) => `${channel} ${status}`)]).toEqual([
      'sent',
      ['email sent', 'sms failed', 'push sent'],
    ])
  })

  test('that no provider carries ends as simulated, and by the rules of its channel', async () => {
    const one = await run(undefined, { configured: true })
    const of = (phone: string) =>
      notificationOf({
        channels: ['sms'],
        to: { id: 'u', email: null, phone, device: null, webhook: null, slack: null },
      })
    const [good, bad] = [of('+4915112345678'), of('0151 1234567')]
    await one.accept([good, bad])
    const ends = [await one.ended(good.id), await one.ended(bad.id)]
    expect(ends.map(({ status, deliveries }) => [status, deliveries.map((delivery) => delivery.status)])).toEqual([
      ['simulated', ['simulated']],
      ['failed', ['failed']],
    ])
    expect(ends[1]?.timeline.map(({ reason }) => reason)).toContain('invalid-address')
  })

  test('that waits for its time ends as suppressed where its recipient opts out meanwhile', async () => {
    const one = await run()
    const notification = notificationOf({ sendAtMs: Date.now() + 3000 })
    await one.accept([notification])
    await one.until(async () => (await one.record(notification.id))?.status === 'scheduled')
    const at = new Date().toISOString()
    const preferences = { channels: { email: false } }
    await one.engine.putRecipient('default', { id: notification.recipient, preferences, createdAt: at, updatedAt: at })
    expect((await one.ended(notification.id)).status).toBe('suppressed')
    expect(one.calls).toEqual([])
  })

  test('that fails for a while is tried again with the same key', async () => {
    let failures = 2
    const answer = () =>
      failures-- > 0 ? ({ outcome: 'transient', error: 'down' } as const) : ({ outcome: 'delivered' } as const)
    const one = await run(undefined, { answer })
    const notification = notificationOf()
    await one.accept([notification])
    const { status, deliveries } = await one.ended(notification.id)
    expect([status, deliveries[0]?.attempts.map(({ outcome }) => outcome)]).toEqual([
      'delivered',
      ['transient', 'transient', 'delivered'],
    ])
    expect(one.calls.map(({ key, attempt }) => [key, attempt])).toEqual(
      [1, 2, 3].map((attempt) => [`${notification.id}.email`, attempt]),
    )
  })
})

describe('twins', () => {
  test('of one id are sent once', async () => {
    const one = await run()
    const notification = notificationOf()
    await one.accept([notification])
    await one.accept([notification])
    await one.ended(notification.id)
    await one.accept([notification])
    const last = notificationOf({ recipient: notification.recipient })
    await one.accept([last])
    await one.ended(last.id)
    expect(one.calls.map(({ key }) => key)).toEqual([`${notification.id}.email`, `${last.id}.email`])
  })

  test('within a window are recorded as duplicates of the first', async () => {
    const one = await run()
    const twin = { recipient: 'user', dedupe: { key: 'order-7', windowMs: 60_000 } }
    const [first, second, other] = [
      notificationOf(twin),
      notificationOf(twin),
      notificationOf({ ...twin, dedupe: null }),
    ]
    await one.accept([first, second, other])
    const records = await Promise.all([first, second, other].map(({ id }) => one.ended(id)))
    expect(records.map(({ status, duplicateOf }) => [status, duplicateOf])).toEqual([
      ['sent', undefined],
      ['duplicate', first.id],
      ['sent', undefined],
    ])
    expect(one.calls.length).toBe(2)
  })
})

describe('an Idempotency-Key', () => {
  const claimOf = (key: string, bodyHash = 'hash') => ({ key, bodyHash, answer: `{"of":"${bodyHash}"}` })

  test('is claimed by the first of many at once; the others get its answer, and it is sent once', async () => {
    const one = await run()
    const attempts = Array.from({ length: 20 }, () => notificationOf({ recipient: 'user' }))
    const outcomes = await Promise.all(attempts.map((notification) => one.accept([notification], claimOf('key'))))
    expect(outcomes).toEqual([
      { kind: 'accepted' },
      ...Array(19).fill({ kind: 'replayed', answer: '{"of":"hash"}', appended: false }),
    ])
    expect(await one.accept([notificationOf()], claimOf('key', 'other'))).toEqual({ kind: 'reused' })
    const last = notificationOf({ recipient: 'user' })
    await one.accept([last])
    await one.ended(last.id)
    expect(one.calls.map(({ key }) => key)).toEqual([`${attempts[0]?.id}.email`, `${last.id}.email`])
    expect(await one.record(attempts[1]?.id ?? '')).toBeUndefined()
  })

  test('is claimed together with the append: neither stands without the other', async () => {
    const one = await run()
    const broken = notificationOf({ metadata: 7 as unknown as string })
    await expect(one.accept([broken], claimOf('key'))).rejects.toThrow()
    const good = notificationOf()
    expect(await one.accept([good], claimOf('key'))).toEqual({ kind: 'accepted' })
    expect((await one.ended(good.id)).status).toBe('sent')
    const image = await run(one.crashImage())
    expect(await image.accept([notificationOf()], claimOf('key'))).toMatchObject({ kind: 'replayed' })
  })
})

describe('a cancel', () => {
  test('stops what waits, and is refused for what is out', async () => {
    const one = await run()
    const waiting = notificationOf({ sendAtMs: Date.now() + 3_600_000 })
    const out = notificationOf()
    await one.accept([waiting, out])
    await one.until(async () => (await one.record(waiting.id))?.status === 'scheduled')
    await one.ended(out.id)
    for (const { id, recipient } of [waiting, out]) {
      const command = { id, tenant: 'default', recipient, correlationId: '', requestedAtMs: Date.now() }
      await one.engine.cancel(command, 'normal')
    }
    const cancelled = await one.ended(waiting.id)
    expect(cancelled.status).toBe('cancelled')
    const refused = async () => (await one.record(out.id))?.timeline.some(({ event }) => event === 'cancel-refused')
    await one.until(async () => (await refused()) === true)
    expect([(await one.record(out.id))?.status, one.calls.length]).toEqual(['sent', 1])
  })
})

describe('templates', () => {
  const times = { createdAt: '2030-01-01T00:00:00Z', updatedAt: '2030-01-01T00:00:00Z' }
  const template = (id: string, text: string) => ({
    ...{ id, version: 1, locale: 'en', defaults: {}, ...times },
    locales: { en: { email: { ...nothing, subject: 'Hi', text } } },
  })

  test('one that never ends fails its own notification with the reason, and its batch-mates arrive', async () => {
    const one = await run()
    const endless = '{% for i in (1..100000) %}{% for j in (1..100000) %}{{ i }}{% endfor %}{% endfor %}'
    await one.engine.putTemplate('default', template('endless', endless), 0)
    await one.engine.putTemplate('default', template('good', 'Dear {{ name | capitalize }}'), 0)
    const batch = Array.from({ length: 20 }, (_, index) => {
      const id = index === 7 ? 'endless' : 'good'
      return notificationOf({ template: { id, version: 1 }, content: null, data: `{"name":"anna ${index}"}` })
    })
    await one.accept(batch)
    const records = await Promise.all(batch.map(({ id }) => one.ended(id)))
    expect(records.map(({ status }) => status)).toEqual(batch.map((_, index) => (index === 7 ? 'failed' : 'sent')))
    const texts = one.calls.map(({ text }) => text).sort()
    expect(texts).toEqual(batch.flatMap((_, index) => (index === 7 ? [] : [`Dear Anna ${index}`])).sort())
    const reasons = records[7]?.timeline.flatMap(({ reason }) => reason ?? [])
    expect(reasons?.length).toBeGreaterThan(0)
    expect(one.crashes).toEqual([])
  })

  test('null takes the default, or is missing, and nothing else is null', async () => {
    const one = await run()
    const said = 'Hello {{ name }}, your code is {{ code }}{% if note %} {{ note }}{% endif %}.'
    await one.engine.putTemplate('default', { ...template('code', said), defaults: { name: 'there' } }, 0)
    const send = (data: string) => notificationOf({ template: { id: 'code', version: 1 }, content: null, data })
    const batch = [
      send('{"name":null,"code":0,"note":null}'),
      send('{"name":"","code":false}'),
      send('{"name":null,"code":null}'),
    ]
    await one.accept(batch)
    const records = await Promise.all(batch.map(({ id }) => one.ended(id)))
    expect(records.map(({ status }) => status)).toEqual(['sent', 'sent', 'failed'])
    expect(one.calls.map(({ text }) => text).sort()).toEqual([
      'Hello , your code is false.',
      'Hello there, your code is 0.',
    ])
    expect(records[2]?.timeline.map(({ reason }) => reason)).toContain('missing-variable')
  })

  test('a variable that is missing is named', async () => {
    const one = await run()
    await one.engine.putTemplate('default', template('order', 'Order {{ order.number }}'), 0)
    const notification = notificationOf({ template: { id: 'order', version: 1 }, content: null })
    await one.accept([notification])
    const { status, timeline } = await one.ended(notification.id)
    expect(status).toBe('failed')
    expect(JSON.stringify(timeline)).toContain('order')
  })
})

test('it says how each stage flows, and that nothing is wrong', async () => {
  const one = await run()
  const notification = notificationOf()
  await one.accept([notification])
  await one.ended(notification.id)
  const stages = await one.engine.stages()
  expect(stages.map(({ stage, state, restarts }) => [stage, state, restarts])).toEqual(
    ['dedupe', 'enrich-template', 'route', 'throttle', 'deliver', 'record'].map((stage) => [stage, 'running', 0]),
  )
  expect(stages.slice(0, 5).map(({ processed }) => processed)).toEqual([1, 1, 1, 1, 1])
  expect(await one.engine.problems()).toEqual([])
})
