/** The contracts of the systems that Carillon replaces, on each engine, as their clients see them: what they got wrong
 *  there has to be right here. The requests are those of docs/contracts. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { until } from '../until.js'
import { type ContractCarillon, contractCarillon, type Engine, missingFor } from './carillon-under-test.js'

const scripts = join(import.meta.dirname, '..', '..', '..', 'docs', 'contracts')

for (const engine of ['sqlite', 'kafka'] as const) {
  const missing = await missingFor(engine)
  if (missing !== null) test.skip(`the contracts on ${engine}: ${missing}`, () => undefined)
  else describe(`the contracts on ${engine}`, () => describeContracts(engine))
}

function describeContracts(engine: Engine): void {
  let carillon: ContractCarillon
  beforeAll(async () => {
    const settings = {
      compat: { a: { demoUsers: true }, b: { requestsPerMinute: null } },
      breaker: { halfOpenAfterMs: 1000 },
      retry: { baseMs: 50 },
    }
    carillon = await contractCarillon({ engine, settings })
  })
  afterAll(() => carillon?.close())

  const call = async (method: string, path: string, body?: unknown) => {
    const answer = await fetch(`${carillon.address()}${path}`, {
      method,
      ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    })
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
  }
  const message = (fromID: number, toID: number, text: string) =>
    fetch(`${carillon.address()}/send`, {
      method: 'POST',
      body: new URLSearchParams({ fromID: `${fromID}`, toID: `${toID}`, message: text }),
    })
  const messagesOf = async (user: number) =>
    ((await call('GET', `/notifications/${user}`)).body.notifications as { message: string }[]).map(
      (one) => one.message,
    )
  const replay = async (name: string) => {
    const env = { PATH: process.env.PATH, BASE: carillon.address(), SETTLE: engine === 'kafka' ? '3' : '1' }
    const { stdout } = await promisify(execFile)(join(scripts, name), { env })
    return stdout.trimEnd().split('\n')
  }
  const notification = async (id: unknown) => (await call('GET', `/api/v1/notifications/${id}`)).body
  const statusIs = (id: unknown, status: string) =>
    until(
      async () => (await notification(id)).status === status,
      () => `${id} is ${status}`,
    )
  const sms = (recipient: string, more = {}) => ({
    channel: 'sms',
    recipient,
    content: 'Hi',
    priority: 'high',
    ...more,
  })
  const sentTo = (recipient: string) => carillon.calls.filter(({ body }) => body.to === recipient)

  test('A: its published lines are answered', async () => {
    const from = { id: 1, name: 'Emma' }
    const to = { id: 2, name: 'Bruno' }
    const lines = await replay('a.sh')
    expect(lines).toEqual([
      '{"message":"No notifications found for user","notifications":[]} 200',
      '{"message":"Notification sent successfully!"} 200',
      '{"message":"Notification sent successfully!"} 200',
      `${JSON.stringify({
        notifications: [
          { from, to, message: 'Emma started following you.' },
          { from, to, message: 'Emma liked your post: "Köln & Umgebung"' },
        ],
      })} 200`,
      '{"message":"fromID: Must be an integer."} 400',
      '{"message":"User not found"} 404',
      '{"message":"message: Must not be empty."} 400',
    ])
  })

  test('A: messages stay in order, and are there after a kill', async () => {
    const texts = Array.from({ length: 50 }, (_, number) => `message ${number}`)
    for (const text of texts) expect((await message(1, 3, text)).status).toBe(200)
    await carillon.restart()
    await until(
      async () => (await messagesOf(3)).length === texts.length,
      () => 'every message',
    )
    expect(await messagesOf(3)).toEqual(texts)
  })

  test('B: its published lines are answered', async () => {
    const lines = await replay('b.sh')
    const known = lines.map((line) => line.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID'))
    expect(known).toEqual([
      '{"results":[{"user_id":1,"id":"ID","status":"accepted"},{"user_id":2,"id":"ID","status":"accepted"}]} 200',
      '{"results":[{"user_id":2,"id":"ID","status":"duplicate"},{"user_id":3,"id":"ID","status":"accepted"}]} 200',
      '{"error":"type: Must be one of sms, email, inapp."} 400',
      '{"error":"user_id.0: Must be a number."} 400',
      expect.stringMatching(/^\{"error":".+"\} 400$/),
      ' 200',
      ' 200',
      ' 200',
    ])
  })

  test('B: a thousand equal posts at once give one accepted, 999 duplicates, and one delivery', async () => {
    const posts = Array.from({ length: 1000 }, () =>
      call('POST', '/user/notification', { user_id: [71], type: 'inapp', description: 'Once.' }),
    )
    const results = (await Promise.all(posts)).map(({ body }) => (body.results as { id: string; status: string }[])[0])
    const ids = new Set(results.map((result) => result?.id))
    expect(ids.size).toBe(1)
    expect(results.filter((result) => result?.status === 'accepted').length).toBe(1)
    expect(results.filter((result) => result?.status === 'duplicate').length).toBe(999)
    const [id] = ids
    const record = await call('GET', `/v1/notifications/${id}?wait=30s`)
    expect(record.body.status).toBe('delivered')
    expect(((await call('GET', '/v1/recipients/71/inbox')).body.data as []).length).toBe(1)
  })

  test('C: its published lines are answered', async () => {
    const lines = (await replay('c.sh')).map((line) => line.replace(/ (\d{3})$/, '\t$1').split('\t'))
    const answers = lines.map(([text = '', status]) => [
      text === '' ? '' : JSON.parse(text),
      status ? Number(status) : undefined,
    ])
    const [first, again, later, bad, template, found, templates, templated, unknown, batch, stands, ...rest] = answers
    const [cancelled, shown, none, list, metrics, health, ready, swagger] = rest
    const asked = { channel: 'sms', recipient: '+905551234567', content: 'Your code is 4711.', priority: 'high' }
    expect(first?.[0]).toMatchObject({ ...asked, status: 'pending', retry_count: 0, max_retries: 5, batch_id: null })
    expect(again).toEqual([
      {
        ...first?.[0],
        status: expect.any(String),
        updated_at: expect.any(String),
        sent_at: again?.[0].sent_at,
        provider_message_id: again?.[0].provider_message_id,
      },
      409,
    ])
    expect(later).toEqual([
      {
        ...first?.[0],
        status: 'delivered',
        sent_at: expect.any(String),
        updated_at: expect.any(String),
        provider_message_id: `m-${first?.[0].id}.sms`,
      },
      200,
    ])
    expect(bad).toEqual([{ error: expect.stringContaining('recipient: ') }, 400])
    expect(template?.[0]).toMatchObject({
      name: 'shipped',
      channel: 'push',
      body: '{{.Name}}, order {{.Order}} has shipped.',
    })
    expect(found).toEqual([template?.[0], 200])
    expect(templates?.[0].data).toContainEqual(template?.[0])
    expect(templated).toEqual([expect.objectContaining({ status: 'pending', template_id: template?.[0].id }), 201])
    expect(unknown).toEqual([{ error: 'There is no template with this id.' }, 404])
    expect(batch?.[0]).toMatchObject({ batch: { total_count: 2, pending_count: 2 }, notifications: [{}, {}] })
    expect(stands).toEqual([
      { ...batch?.[0].batch, pending_count: 1, delivered_count: 1, created_at: expect.any(String) },
      200,
    ])
    expect(cancelled?.[1]).toBe(200)
    expect(shown).toEqual([cancelled?.[0], 200])
    expect(shown?.[0]).toMatchObject({ status: 'cancelled', recipient: 'ben@example.com' })
    expect(none).toEqual([{ error: 'There is no notification with this id.' }, 404])
    expect(list).toEqual([{ data: [shown?.[0]], next_cursor: null }, 200])
    expect(metrics?.[0].channels.sms).toMatchObject({ failed: 0, success_rate: 1 })
    expect(health).toEqual([{ status: 'ok' }, 200])
    expect(ready).toEqual([{ status: 'ready', checks: { log: 'ok', stages: 'ok', store: 'ok' } }, 200])
    expect(swagger).toEqual(['', 200])
    const push = carillon.calls.find(({ body }) => body.to === 'device-1')
    expect(push?.body).toEqual({ to: 'device-1', channel: 'push', content: 'Ada, order 4711 has shipped.' })
  })

  test('C: a client that watches sees a notification go from pending to delivered', async () => {
    const socket = new WebSocket(`${carillon.address().replace('http', 'ws')}/ws`)
    const told: { notification_id: string; status: string; timestamp: string }[] = []
    socket.on('message', (data) => told.push(JSON.parse(String(data))))
    await new Promise((resolve) => socket.once('open', resolve))
    try {
      const { body } = await call('POST', '/api/v1/notifications', sms('+905550000001'))
      const own = () => told.filter((one) => one.notification_id === body.id).map(({ status }) => status)
      await until(
        () => own().includes('delivered'),
        () => `delivered among ${own()}`,
      )
      expect(own()).toEqual(['pending', 'processing', 'delivered'])
      expect(Number.isNaN(Date.parse(told[0]?.timestamp ?? ''))).toBe(false)
    } finally {
      socket.terminate()
    }
  })

  test('C: while its webhook is out nothing fails for good, and nothing is sent twice', async () => {
    carillon.mood = 'broken'
    const recipients = Array.from({ length: 12 }, (_, number) => `+90555000010${String(number).padStart(2, '0')}`)
    const answers = await Promise.all(recipients.map((to) => call('POST', '/api/v1/notifications', sms(to))))
    await until(
      () => carillon.calls.some(({ mood }) => mood === 'broken'),
      () => 'a call that fails',
    )
    carillon.mood = 'well'
    for (const { body } of answers) await statusIs(body.id, 'delivered')
    for (const to of recipients) expect(sentTo(to).filter(({ mood }) => mood === 'well').length).toBe(1)
  })

  test('C: what is cancelled stays cancelled, and its webhook is never called', async () => {
    const scheduled_at = new Date(Date.now() + 3000).toISOString()
    const { body } = await call('POST', '/api/v1/notifications', sms('+905550000002', { scheduled_at }))
    await statusIs(body.id, 'scheduled')
    expect((await call('PATCH', `/api/v1/notifications/${body.id}/cancel`)).body.status).toBe('cancelled')
    const after = await call('POST', '/api/v1/notifications', sms('+905550000003', { scheduled_at }))
    await statusIs(after.body.id, 'delivered')
    expect(await notification(body.id)).toMatchObject({ status: 'cancelled' })
    expect(sentTo('+905550000002')).toEqual([])
  })

  test('C: a missing variable falls back to the content, and without any fails and is named', async () => {
    const template = { name: 't', channel: 'sms', body: 'Hi {{.Name}}' }
    const { body: made } = await call('POST', '/api/v1/templates', template)
    const asked = { ...sms('+905550000004'), template_id: made.id }
    const [withContent, without] = [
      await call('POST', '/api/v1/notifications', { ...asked, content: 'Hi there' }),
      await call('POST', '/api/v1/notifications', { ...asked, recipient: '+905550000005', content: '' }),
    ]
    await statusIs(withContent.body.id, 'delivered')
    await statusIs(without.body.id, 'failed')
    expect(sentTo('+905550000004').map(({ body }) => body.content)).toEqual(['Hi there'])
    expect((await notification(without.body.id)).error_message).toContain('Name')
    expect(sentTo('+905550000005')).toEqual([])
  })

  test('C: 160 emoji are one SMS by its rules, whatever the segments', async () => {
    const content = '😀'.repeat(160)
    const { body } = await call('POST', '/api/v1/notifications', sms('+905550000006', { content }))
    await statusIs(body.id, 'delivered')
    expect(sentTo('+905550000006').map((one) => one.body.content)).toEqual([content])
  })
}
