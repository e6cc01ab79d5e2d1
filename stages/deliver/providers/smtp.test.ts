import { type AddressInfo, createServer, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { never, sampleRequest } from '../../../testing/stages/deliver/delivery-sample.js'
import { provider, smtpServer } from '../../../testing/stages/deliver/smtp-server-sample.js'

/** A TCP server that speaks for itself. */
async function tcpServer(onSocket: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    onTestFinished(() => void socket.destroy())
    onSocket(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

/** Refuses with this reply. */
function refusal(responseCode: number, text: string): Error {
  return Object.assign(new Error(text), { responseCode })
}

const refusingRecipients = (reply: Error) => smtpServer({ onRcptTo: (_, __, done) => done(reply) })

/** The headers by name in lower case, folded lines joined. */
function headersOf(raw: string): Record<string, string> {
  const head = raw.slice(0, raw.indexOf('\r\n\r\n')).replace(/\r\n[ \t]+/g, ' ')
  const lines = head.split('\r\n').map((line) => [line.split(':', 1)[0] ?? '', line] as const)
  return Object.fromEntries(lines.map(([name, line]) => [name.toLowerCase(), line.slice(name.length + 1).trim()]))
}

test('a mail is sent with its subject, both its parts and the id of the delivery', async () => {
  const server = await smtpServer()
  const request = sampleRequest({ message: { subject: 'Grüße', html: '<p>Hello <b>Anna</b></p>' } })
  expect(await provider(server.port).send(request, never)).toMatchObject({ outcome: 'sent' })
  const [mail] = server.mails
  expect([mail?.from, mail?.to]).toEqual(['no-reply@carillon.test', ['anna@example.com']])
  expect(headersOf(mail?.raw ?? '')).toMatchObject({
    from: 'Carillon <no-reply@carillon.test>',
    to: 'anna@example.com',
    subject: '=?UTF-8?Q?Gr=C3=BC=C3=9Fe?=',
    'x-carillon-delivery': 'n-1:email',
  })
  expect(mail?.raw).toMatch(/text\/plain.*Hello Anna.*text\/html.*<p>Hello <b>Anna<\/b><\/p>/s)
})

test('a mail without a subject is sent without one, and its Message-ID is told as the message’s id', async () => {
  const server = await smtpServer()
  const result = await provider(server.port).send(sampleRequest({ message: { subject: null } }), never)
  const [mail] = server.mails
  const { subject, 'message-id': messageId } = headersOf(mail?.raw ?? '')
  expect([result, subject, mail?.raw.endsWith('\r\n\r\nHello Anna\r\n')]).toEqual([
    { outcome: 'sent', messageId },
    undefined,
    true,
  ])
})

test('the Message-ID is the same in every attempt and another for another delivery', async () => {
  const server = await smtpServer()
  const [first, again] = [provider(server.port), provider(server.port)]
  await first.send(sampleRequest(), never)
  await again.send(sampleRequest({}, 2), never)
  await again.send(sampleRequest({ id: 'n-2:email' }), never)
  const ids = server.mails.map(({ raw }) => headersOf(raw)['message-id'])
  expect(ids[0]).toMatch(/^<[0-9a-f]{40}@carillon\.test>$/)
  expect([ids[1] === ids[0], ids[2] === ids[0]]).toEqual([true, false])
})

test('nothing in subject or id can add a header, and nothing in an address a recipient', async () => {
  const server = await smtpServer()
  const mailer = provider(server.port)
  const evil = sampleRequest({
    id: 'n\r\nBcc: eve@evil.test',
    message: { subject: 'Hi\r\nBcc: eve@evil.test\0x' },
  })
  await mailer.send(evil, never)
  const [mail] = server.mails
  const { bcc, subject } = headersOf(mail?.raw ?? '')
  expect([mail?.to, bcc, subject]).toEqual([['anna@example.com'], undefined, 'Hi Bcc: eve@evil.test x'])
  const addresses = [
    'anna@example.com, eve@evil.test',
    'anna@example.com\r\nRCPT TO:<eve@evil.test>',
    'Anna <anna@example.com>',
    '"eve@evil.test"@example.com',
    'anna',
    '',
  ]
  const results = await Promise.all(addresses.map((address) => mailer.send(sampleRequest({ address }), never)))
  const result = { outcome: 'recipient', error: 'The address is not an e-mail address.' }
  expect([results, server.mails.length]).toEqual([addresses.map(() => result), 1])
})

test.each([
  [550, '5.1.1 no such user anna@example.com', 'recipient', 'refused the recipient (550 5.1.1)'],
  [550, 'no such user anna@example.com', 'recipient', 'refused the recipient (550)'],
  [551, 'user not local', 'recipient', 'refused the recipient (551)'],
  [553, 'mailbox name not allowed', 'recipient', 'refused the recipient (553)'],
  [552, '5.2.2 mailbox full', 'recipient', 'refused the recipient (552 5.2.2)'],
  [550, '5.7.1 relaying denied', 'permanent', 'refused the message (550 5.7.1)'],
  [554, 'no', 'permanent', 'refused the message (554)'],
])('a recipient refused with %i %s is %s', async (code, text, outcome, said) => {
  const server = await refusingRecipients(refusal(code, text))
  const result = await provider(server.port).send(sampleRequest(), never)
  expect(result).toEqual({ outcome, error: `The SMTP server ${said}.` })
})

test.each([
  [451, '4.7.28 flood'],
  [450, '4.7.1 rate limit exceeded'],
])('a server that says %i %s of a recipient limits that one’s rate', async (code, text) => {
  const server = await refusingRecipients(refusal(code, text))
  const result = await provider(server.port).send(sampleRequest(), never)
  const error = `The SMTP server put the message off (${code} ${text.split(' ')[0]}).`
  expect(result).toEqual({ outcome: 'rate-limited', error, retryAfterMs: null, chargedTo: 'recipient' })
})

test('a recipient that is put off is that one’s matter, at the time that the reply names', async () => {
  const server = await refusingRecipients(refusal(451, '4.7.1 Greylisted, try again in 60 seconds'))
  const result = await provider(server.port).send(sampleRequest(), never)
  const error = 'The SMTP server put the message off (451 4.7.1).'
  expect(result).toEqual({ outcome: 'transient', error, retryAfterMs: 60_000, chargedTo: 'recipient' })
})

test('a sender or a content that is refused will never work, and is not the fault of the recipient', async () => {
  const sender = await smtpServer({ onMailFrom: (_, __, done) => done(refusal(553, '5.1.8 sender refused')) })
  const content = await smtpServer({
    onData: (stream, _, done) => stream.resume().on('end', () => done(refusal(554, '5.6.0 spam'))),
  })
  const results = await Promise.all([sender, content].map(({ port }) => provider(port).send(sampleRequest(), never)))
  expect(results).toEqual([
    { outcome: 'permanent', error: 'The SMTP server refused the message (553 5.1.8).' },
    { outcome: 'permanent', error: 'The SMTP server refused the message (554 5.6.0).' },
  ])
})

test('a login that is refused will never work, unless the server says later', async () => {
  const auth = { hideSTARTTLS: true, allowInsecureAuth: true, authOptional: false }
  const wrong = await smtpServer({ ...auth, onAuth: (_, __, done) => done(refusal(535, '5.7.8 bad password')) })
  const later = await smtpServer({ ...auth, onAuth: (_, __, done) => done(refusal(454, '4.7.0 later')) })
  const login = 'anna:hunter2@'
  const results = [
    await provider(wrong.port, { login }).send(sampleRequest(), never),
    await provider(later.port, { login }).send(sampleRequest(), never),
  ]
  expect(results).toEqual([
    { outcome: 'permanent', error: 'The SMTP server refused the login (535 5.7.8).' },
    { outcome: 'transient', error: 'The SMTP server put the message off (454 4.7.0).' },
  ])
})

test('a certificate that nobody vouches for is taken without a password and never with one', async () => {
  const server = await smtpServer({ onAuth: (_, __, done) => done(null, { user: 'anna' }) })
  const results = [
    await provider(server.port).send(sampleRequest(), never),
    await provider(server.port, { login: 'anna:hunter2@' }).send(sampleRequest(), never),
  ]
  expect(results).toMatchObject([
    { outcome: 'sent' },
    {
      outcome: 'transient',
      error: expect.stringMatching(/did not answer \((CERT_HAS_EXPIRED|DEPTH_ZERO_SELF_SIGNED_CERT)\)/),
    },
  ])
})

test('a server that is away, silent, or hangs up may be there later', async () => {
  const silent = await tcpServer(() => {})
  const hangUp = await tcpServer((socket) => socket.destroy())
  const mute = await tcpServer((socket) => socket.write('220 ready\r\n'))
  const options = { greetingTimeoutMs: 100, socketTimeoutMs: 100 }
  const ports = [1, silent, hangUp, mute]
  const results = await Promise.all(ports.map((port) => provider(port, options).send(sampleRequest(), never)))
  const error = (code: string) => `The SMTP server could not be reached, or did not answer (${code}).`
  expect(results).toEqual([
    { outcome: 'transient', error: error('ECONNREFUSED') },
    { outcome: 'transient', error: error('ETIMEDOUT') },
    { outcome: 'transient', error: error('ECONNECTION') },
    { outcome: 'transient', error: error('ETIMEDOUT') },
  ])
})

test('a connection that drops after the message leaves it to be tried again, and does not send it twice itself', async () => {
  let taken = 0
  const sockets = new Set<Socket>()
  const dropping = await smtpServer({
    hideSTARTTLS: true,
    onData: (stream) => {
      stream.resume().on('end', () => {
        taken += 1
        for (const socket of sockets) socket.destroy()
      })
    },
  })
  dropping.server.server.on('connection', (socket) => sockets.add(socket))
  const result = await provider(dropping.port).send(sampleRequest(), never)
  const error = 'The SMTP server could not be reached, or did not answer (ECONNECTION).'
  expect([result, taken]).toEqual([{ outcome: 'transient', error }, 1])
})

test('a pooled connection that the server closed meanwhile costs no attempt', async () => {
  const sockets = new Set<Socket>()
  const server = await smtpServer({ hideSTARTTLS: true })
  server.server.server.on('connection', (socket) => sockets.add(socket))
  const mailer = provider(server.port)
  await mailer.send(sampleRequest(), never)
  for (const socket of sockets) socket.destroy()
  expect(await mailer.send(sampleRequest({ id: 'n-2:email' }), never)).toMatchObject({ outcome: 'sent' })
  expect(server.mails.length).toBe(2)
})

test('a call that is aborted ends at once, under way or in line, and what was in line is never sent', async () => {
  const patience = new AbortController()
  let recipients = 0
  const hanging = await smtpServer({
    hideSTARTTLS: true,
    onRcptTo: () => {
      recipients += 1
      patience.abort()
    },
  })
  const mailer = provider(hanging.port, { connections: 1 })
  const calls = [mailer.send(sampleRequest(), patience.signal), mailer.send(sampleRequest(), patience.signal)]
  const result = { outcome: 'transient', error: 'The SMTP server did not answer in time.' }
  expect([await Promise.all(calls), recipients]).toEqual([[result, result], 1])
})

test('no more connections are open at once than it may have, and they are used again', async () => {
  let [opened, open, most] = [0, 0, 0]
  const server = await smtpServer({
    hideSTARTTLS: true,
    onConnect: (_, done) => {
      opened += 1
      open += 1
      most = Math.max(most, open)
      done()
    },
    onClose: () => {
      open -= 1
    },
  })
  const mailer = provider(server.port, { connections: 3 })
  const requests = Array.from({ length: 20 }, (_, i) => sampleRequest({ id: `n-${i}:email` }))
  const results = await Promise.all(requests.map((request) => mailer.send(request, never)))
  expect(results.map(({ outcome }) => outcome)).toEqual(requests.map(() => 'sent'))
  expect([server.mails.length, opened, most]).toEqual([20, 3, 3])
})
