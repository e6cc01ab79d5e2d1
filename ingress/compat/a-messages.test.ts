import { expect, test } from 'vitest'
import { Unavailable } from '../../schemas/errors.js'
import { testClient } from '../../testing/ingress/test-client.js'

const form = { 'content-type': 'application/x-www-form-urlencoded' }
const at = '2030-01-01T00:00:00.000Z'

function withUsers() {
  const client = testClient()
  for (const [id, name] of [
    ['1', 'Emma'],
    ['2', 'Bruno'],
  ] as const) {
    void client.fake.recipients.put('default', { id, name, createdAt: at, updatedAt: at })
  }
  return client
}

test('a message is accepted for the recipient’s inbox, with who it is from', async () => {
  const { fake, post } = withUsers()
  const { status, body } = await post('/send', 'fromID=1&toID=2&message=Emma+started+following+you.', form)
  expect([status, body]).toEqual([200, { message: 'Notification sent successfully!' }])
  expect(
    fake.accepted.map(({ recipient, channels, content, origin, metadata }) => ({
      recipient,
      channels,
      content,
      origin,
      metadata,
    })),
  ).toEqual([
    {
      recipient: '2',
      channels: ['inapp'],
      content: { '*': { subject: null, text: 'Emma started following you.', html: null, data: null } },
      origin: 'a',
      metadata: '{"from":{"id":1,"name":"Emma"}}',
    },
  ])
})

test('a multipart form is a form too, and the first field of a name counts', async () => {
  const { fake, post } = withUsers()
  const fields = [
    ['fromID', '1'],
    ['toID', '2'],
    ['toID', '77'],
    ['message', 'hi'],
  ]
  const body = `${fields.map(([name, value]) => `--b\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`).join('')}--b--\r\n`
  expect((await post('/send', body, { 'content-type': 'multipart/form-data; boundary=b' })).status).toBe(200)
  expect(fake.accepted.map(({ recipient }) => recipient)).toEqual(['2'])
})

test.each([
  ['toID=2&message=x', 400, 'fromID: Must be an integer.'],
  ['fromID=1&message=x', 400, 'toID: Must be an integer.'],
  ['fromID=one&toID=2&message=x', 400, 'fromID: Must be an integer.'],
  ['fromID=1&toID=2.5&message=x', 400, 'toID: Must be an integer.'],
  ['fromID=1&toID=99999999999999999999&message=x', 400, 'toID: Must be an integer.'],
  ['fromID=1&toID=99999999999999999&message=x', 400, 'toID: Must be an integer of at most 9007199254740991.'],
  ['fromID=1&toID=2', 400, 'message: Required.'],
  ['fromID=1&toID=2&message=', 400, 'message: Must not be empty.'],
  ['', 400, 'fromID: Must be an integer. toID: Must be an integer. message: Required.'],
  ['fromID=1&toID=9&message=x', 404, 'User not found'],
  ['fromID=9&toID=1&message=x', 404, 'User not found'],
  ['fromID=-1&toID=1&message=x', 404, 'User not found'],
])('POST /send %s is answered with %i', async (body, status, message) => {
  const { fake, post } = withUsers()
  const answered = await post('/send', body, form)
  expect([answered.status, answered.body]).toEqual([status, { message }])
  expect(fake.accepted).toEqual([])
})

test('a log that cannot be reached is a 500', async () => {
  const { fake, post } = withUsers()
  const accept = fake.acceptor.accept
  Object.assign(fake.acceptor, { accept: () => Promise.reject(new Unavailable('away')) })
  const answered = await post('/send', 'fromID=1&toID=2&message=x', form)
  Object.assign(fake.acceptor, { accept })
  expect([answered.status, answered.body]).toEqual([500, { message: 'Nothing was done. Try again in a moment.' }])
})

test('a user’s messages are told the oldest first, and only those that another user sent', async () => {
  const { fake, get } = withUsers()
  const message = (id: string, body: string, metadata?: unknown) => ({ id, notificationId: id, body, at, metadata })
  const from = { id: 1, name: 'Emma' }
  fake.inboxMessages.push(message('3', 'new', { from }), message('2', 'native'), message('1', 'old', { from }))
  const to = { id: 2, name: 'Bruno' }
  expect((await get('/notifications/2')).body).toEqual({
    notifications: [
      { from, to, message: 'old' },
      { from, to, message: 'new' },
    ],
  })
})

test('a user without messages is told so', async () => {
  const { get } = withUsers()
  for (const user of ['2', '77']) {
    const { status, body } = await get(`/notifications/${user}`)
    expect([status, body]).toEqual([200, { message: 'No notifications found for user', notifications: [] }])
  }
})

test('a contract that is switched off is not there', async () => {
  const { get } = testClient({ compat: { a: false, b: null, c: false } })
  for (const path of ['/notifications/1', '/api/v1/notifications', '/health', '/api/v1/metrics']) {
    expect((await get(path)).status).toBe(404)
  }
})
