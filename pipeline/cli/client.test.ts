import { describe, expect, test } from 'vitest'
import { scriptedServer } from '../../testing/cli/carillon-under-test.js'

const server = scriptedServer()

const json = { 'content-type': 'application/json' }
const accepted = { status: 202, body: { id: 'n1', status: 'accepted' } }

describe('carillon send', () => {
  test('posts what the options say, with the key, and prints the id', async () => {
    server.answers = [accepted]
    const args = ['send', '--to', 'user-42', '--channel', 'email', '--channel', 'sms', '--template', 'welcome']
    args.push('--data', '{"name":"Ann"}', '--subject', 'Hi', '--body', 'Hello', '--priority', 'high')
    args.push('--send-at', '2030-01-31T09:00:00+01:00', '--idempotency-key', 'k1')
    expect(await server.carillon(args, '', { CARILLON_API_KEY: 'secret' })).toEqual({
      code: 0,
      out: 'accepted n1\n',
      err: '',
    })
    expect(server.asked).toEqual([
      {
        ...{ method: 'POST', url: '/v1/notifications' },
        headers: { ...json, authorization: 'Bearer secret', 'idempotency-key': 'k1' },
        body: {
          ...{ to: 'user-42', channels: ['email', 'sms'], template: 'welcome', data: { name: 'Ann' } },
          ...{ content: { subject: 'Hi', body: 'Hello' }, priority: 'high', sendAt: '2030-01-31T09:00:00+01:00' },
        },
      },
    ])
  })

  test('reads a request from standard input, over which options win', async () => {
    server.answers = [accepted]
    const input = JSON.stringify({ to: 'user-1', content: { body: 'Hello' }, priority: 'low' })
    const result = await server.carillon(['send', '-', '--to', '{"email":"ann@example.org"}', '--json'], input)
    expect(result).toEqual({ code: 0, out: `${JSON.stringify(accepted.body, null, 2)}\n`, err: '' })
    expect(server.asked[0]?.body).toEqual({
      to: { email: 'ann@example.org' },
      content: { body: 'Hello' },
      priority: 'low',
    })
  })

  test('sends several of standard input to the batch endpoint', async () => {
    server.answers = [{ status: 202, body: { batchId: 'b1', accepted: [{ index: 0, id: 'n1' }], rejected: [] } }]
    const input = JSON.stringify({ notifications: [{ to: 'user-1' }] })
    expect(await server.carillon(['send', '-'], input)).toEqual({ code: 0, out: 'accepted batch b1\n', err: '' })
    expect(server.asked).toEqual([
      { method: 'POST', url: '/v1/notifications/batch', headers: json, body: { notifications: [{ to: 'user-1' }] } },
    ])
  })

  test('waits for the end when asked', async () => {
    const delivery = { id: 'd1', channel: 'email', provider: 'smtp', status: 'sent', attempts: [{ number: 1 }] }
    server.answers = [
      accepted,
      { status: 200, body: { id: 'n1', status: 'sent', deliveries: [delivery], timeline: [] } },
    ]
    const result = await server.carillon(['send', '--to', 'user-42', '--body', 'Hello', '--wait', '10s'])
    expect(result).toEqual({ code: 0, out: 'sent n1\n  email by smtp: sent\n', err: '' })
    expect(server.asked[1]).toEqual({ method: 'GET', url: '/v1/notifications/n1?wait=10s', headers: {} })
  })

  test('says so when what it waited for was only simulated', async () => {
    const deliveries = [{ channel: 'email', provider: 'outbox', status: 'simulated', attempts: [{ number: 1 }] }]
    server.answers = [accepted, { status: 200, body: { id: 'n1', status: 'simulated', deliveries, timeline: [] } }]
    expect(await server.carillon(['send', '--to', 'user-42', '--wait', '1s'])).toEqual({
      code: 0,
      out: [
        'simulated n1',
        '  email by outbox: simulated',
        'Nothing was sent: no provider carries it. GET /v1/outbox has the message.',
        '',
      ].join('\n'),
      err: '',
    })
  })

  test('fails when what it waited for was not sent, and says why', async () => {
    const attempts = [{ error: 'refused' }, { error: '550 \u001b[31mno such user' }]
    const deliveries = [{ channel: 'email', provider: 'smtp', status: 'failed', attempts }]
    const timeline = [{ stage: 'deliver', reason: 'recipient', detail: 'the address does not exist' }]
    server.answers = [accepted, { status: 200, body: { id: 'n1', status: 'failed', deliveries, timeline } }]
    expect(await server.carillon(['send', '--to', 'user-42', '--wait', '1s'])).toEqual({
      code: 1,
      out: 'failed n1\n  email by smtp: failed (550  [31mno such user)\n',
      err: 'It was not sent: recipient, the address does not exist\n',
    })
  })

  test('fails when the end does not come in time', async () => {
    server.answers = [accepted, { status: 200, body: { id: 'n1', status: 'processing', deliveries: [], timeline: [] } }]
    expect(await server.carillon(['send', '--to', 'user-42', '--wait', '1s'])).toEqual({
      code: 1,
      out: 'processing n1\n',
      err: 'It has not ended within 1s; it is still under way.\n',
    })
  })

  test('prints a refusal with its paths', async () => {
    const errors = [{ path: 'channels[0]', message: 'must be one of email, sms' }]
    server.answers = [{ status: 400, body: { title: 'Invalid request', status: 400, detail: 'one field', errors } }]
    expect(await server.carillon(['send', '--to', 'user-42'])).toEqual({
      code: 1,
      out: '',
      err: 'Carillon answered 400: Invalid request: one field\n  channels[0]: must be one of email, sms\n',
    })
  })

  test.each([
    ['nobody to send to', ['send'], 'Say who gets it: --to <recipient>\n'],
    ['data that is not JSON', ['send', '--to', 'x', '--data', '{'], '--data is not JSON\n'],
    [
      'data with a number that would be another',
      ['send', '--to', 'x', '--data', '{"order":8202522731445525542}'],
      '--data cannot be sent as it is. order: Must have no more digits than a double keeps: send it as a string, or round it.\n',
    ],
    ['input that is not JSON', ['send', '-'], 'Standard input is not JSON\n'],
    ['a second recipient', ['send', '--to', 'a', '--to', 'b'], expect.stringContaining('give ["ann","bob"]')],
    ['a wait for many', ['send', '--to', '["a","b"]', '--wait', '1s'], '--wait is for one notification\n'],
  ])('refuses %s without asking Carillon', async (_, args, err) => {
    expect(await server.carillon(args)).toEqual({ code: 2, out: '', err })
    expect(server.asked).toEqual([])
  })

  test.each([
    ['an unknown channel', ['--channel', 'pigeon'], "'pigeon' is invalid. Allowed choices are email, sms, push"],
    ['a wait over a minute', ['--wait', '61s'], "'61s' is invalid. It must be 1s to 60s."],
    ['an unknown priority', ['--priority', 'urgent'], "'urgent' is invalid. Allowed choices are high, normal, low."],
    ['an unknown option', ['--chanel', 'sms'], '(Did you mean --channel?)'],
  ])('refuses %s', async (_, args, message) => {
    const result = await server.carillon(['send', '--to', 'x', ...args])
    expect(result).toEqual({ code: 2, out: '', err: expect.stringContaining(message) })
  })
})

test('carillon lag shows what waits for each stage', async () => {
  const stage = { stage: 'throttle', state: 'running', processed: 9, perSecond: 3.25, restarts: 0 }
  server.answers = [
    {
      status: 200,
      body: { stages: [{ ...stage, lag: { high: 1, normal: 0, low: 20 }, parked: 5 }], problems: ['deliver restarts'] },
    },
  ]
  expect(await server.carillon(['lag'])).toEqual({
    code: 0,
    out: [
      'STAGE     STATE    WAITING  BY LANE                   PER SECOND  PARKED  RESTARTS',
      'throttle  running  21       high 1, normal 0, low 20  3.3         5       0',
      '',
    ].join('\n'),
    err: 'deliver restarts\n',
  })
  expect(server.asked).toEqual([{ method: 'GET', url: '/v1/flow', headers: {} }])
})

describe('every command that asks Carillon', () => {
  test('says in one line what to do when it cannot be reached', async () => {
    const closed = server.address
    await server.stop()
    const result = await server.carillon(['lag'], '', { CARILLON_URL: closed })
    expect(result).toEqual({
      code: 3,
      out: '',
      err: `Cannot reach Carillon at ${closed} (ECONNREFUSED). Start it with "carillon start", or set CARILLON_URL to where it runs.\n`,
    })
  })

  test('says which variable has the key when it is refused', async () => {
    server.answers = [{ status: 401, body: { title: 'Unauthorized', status: 401 } }]
    expect(await server.carillon(['lag'])).toEqual({
      code: 1,
      out: '',
      err: 'Carillon answered 401: Unauthorized: set CARILLON_API_KEY to the key of that Carillon\n',
    })
  })

  test('does not take something else for Carillon', async () => {
    server.answers = [{ status: 200, body: { hello: 'world' } }]
    expect(await server.carillon(['lag'])).toEqual({
      code: 1,
      out: '',
      err: `${server.address} did not answer as Carillon does. Is CARILLON_URL right, and is Carillon as new as this command?\n`,
    })
  })

  test('refuses an address that is none', async () => {
    expect(await server.carillon(['lag'], '', { CARILLON_URL: 'localhost' })).toEqual({
      code: 2,
      out: '',
      err: 'CARILLON_URL: must be a URL like http://host or https://host, without a user or password in it\n',
    })
  })
})
