import type { Socket } from 'node:net'
import type { SMTPServerOptions } from 'smtp-server'
import { expect, test } from 'vitest'
import { never, sampleRequest } from '../../../testing/stages/deliver/delivery-sample.js'
import { provider, read, smtpServer } from '../../../testing/stages/deliver/smtp-server-sample.js'

/** A server, and the lines of the envelope and before that it was told. */
async function listeningServer(options: SMTPServerOptions = {}) {
  const server = await smtpServer({ hideSTARTTLS: true, ...options })
  const lines: string[] = []
  server.server.server.on('connection', (socket: Socket) =>
    socket.on('data', (chunk) =>
      lines.push(
        ...chunk
          .toString()
          .split('\r\n')
          .filter((line) => line !== ''),
      ),
    ),
  )
  const told = () => lines.filter((line) => /^(MAIL|RCPT|DATA|AUTH)/.test(line))
  return { ...server, told }
}

const missing = 'The SMTP server does not offer SMTPUTF8, which the address of the'

test('a domain beyond ASCII is sent in ASCII, to any server', async () => {
  const { port, told, mails } = await listeningServer({ hideSMTPUTF8: true })
  const addresses = ['ajay@डाटा.भारत', 'Anna@BÜCHER.example']
  for (const address of addresses) {
    expect(await provider(port).send(sampleRequest({ address }), never)).toMatchObject({ outcome: 'sent' })
  }
  expect(told().filter((line) => line.startsWith('RCPT'))).toEqual([
    'RCPT TO:<ajay@xn--c2bd1gb.xn--h2brj9c>',
    'RCPT TO:<Anna@xn--bcher-kva.example>',
  ])
  expect(mails[0]?.raw).toContain('\r\nTo: ajay@xn--c2bd1gb.xn--h2brj9c\r\n')
})

test('what stands before the @ beyond ASCII is refused before the envelope where the server has no SMTPUTF8', async () => {
  const { port, told } = await listeningServer({ hideSMTPUTF8: true })
  const results = [
    await provider(port).send(sampleRequest({ address: 'zoë@bücher.example' }), never),
    await provider(port).send(sampleRequest({ address: 'अजय@example.com' }), never),
    await provider(port, { from: 'Zoë <zoë@carillon.test>' }).send(sampleRequest(), never),
  ]
  expect(results).toEqual([
    { outcome: 'recipient', error: `${missing} recipient needs.` },
    { outcome: 'recipient', error: `${missing} recipient needs.` },
    { outcome: 'permanent', error: `${missing} sender needs.` },
  ])
  expect(told()).toEqual([])
  expect(await provider(port).send(sampleRequest(), never)).toMatchObject({ outcome: 'sent' })
})

test('a server with SMTPUTF8 gets it as it is, and is told that it comes', async () => {
  const { port, told, mails } = await listeningServer()
  const request = sampleRequest({ address: 'zoë@bücher.example', message: { subject: 'Grüße' } })
  const result = await provider(port).send(request, never)
  const [mail] = mails
  expect([result, mail?.to]).toEqual([{ outcome: 'sent', messageId: expect.any(String) }, ['zoë@bücher.example']])
  expect(told()[0]).toMatch(/^MAIL FROM:<no-reply@carillon\.test> .*SMTPUTF8/)
  if (mail) expect(await read(mail)).toMatchObject({ subject: 'Grüße', to: [{ address: 'zoë@bücher.example' }] })
})

test('SMTPUTF8 is looked for after STARTTLS too, and who has to log in does', async () => {
  const { port, mails } = await smtpServer({
    onAuth: (_, __, done) => done(null, { user: 'anna' }),
    authOptional: false,
  })
  const options = { login: 'anna:hunter2@', query: '?tls.rejectUnauthorized=false' }
  const request = sampleRequest({ address: 'zoë@example.com' })
  const wrong = await smtpServer({
    onAuth: (_, __, done) => done(Object.assign(new Error('5.7.8 no'), { responseCode: 535 })),
  })
  expect([await provider(port, options).send(request, never), mails.length]).toMatchObject([{ outcome: 'sent' }, 1])
  expect(await provider(wrong.port, options).send(request, never)).toEqual({
    outcome: 'permanent',
    error: 'The SMTP server refused the login (535 5.7.8).',
  })
})

test('a call with SMTPUTF8 that is refused, cut off or aborted says so', async () => {
  const request = sampleRequest({ address: 'zoë@example.com' })
  const refusing = await smtpServer({
    onRcptTo: (_, __, done) => done(Object.assign(new Error('5.1.1 no such user'), { responseCode: 550 })),
  })
  const patience = new AbortController()
  const hanging = await smtpServer({ hideSTARTTLS: true, onRcptTo: () => patience.abort() })
  const sockets = new Set<Socket>()
  const dropping = await smtpServer({
    hideSTARTTLS: true,
    onRcptTo: () => {
      for (const socket of sockets) socket.destroy()
    },
  })
  dropping.server.server.on('connection', (socket: Socket) => sockets.add(socket))
  expect([
    await provider(refusing.port).send(request, never),
    await provider(hanging.port).send(request, patience.signal),
    await provider(dropping.port).send(request, never),
    await provider(1).send(request, never),
  ]).toEqual([
    { outcome: 'recipient', error: 'The SMTP server refused the recipient (550 5.1.1).' },
    { outcome: 'transient', error: 'The SMTP server did not answer in time.' },
    { outcome: 'transient', error: 'The SMTP server could not be reached, or did not answer (ECONNECTION).' },
    { outcome: 'transient', error: 'The SMTP server could not be reached, or did not answer (ECONNREFUSED).' },
  ])
})

test('an address with characters that nobody sees never reaches the server', async () => {
  const { port, told } = await listeningServer()
  const addresses = ['an\u202ena@example.com', 'an\u00adna@example.com', 'anna@exam\u200bple.com', 'anna@[127.0.0.1]']
  const results = await Promise.all(addresses.map((address) => provider(port).send(sampleRequest({ address }), never)))
  const refused = { outcome: 'recipient', error: 'The address is not an e-mail address.' }
  expect([results, told()]).toEqual([addresses.map(() => refused), []])
})

test.each([
  ['Support (Billing) <a@example.org>', 'Support (Billing)'],
  ['O"Neil <a@example.org>', 'O"Neil'],
  ['"Doe, Jane" <a@example.org>', 'Doe, Jane'],
  ['Team: Jane; <a@example.org>', 'Team: Jane;'],
  ['back\\slash <a@example.org>', 'back\\slash'],
  ['eve@evil.test <a@example.org>', 'eve@evil.test'],
  ['Müller & Söhne "GmbH <a@example.org>', 'Müller & Söhne "GmbH'],
  [
    '山田太郎とその仲間たちのとてもとてもとても長い名前の会社のお知らせ <a@example.org>',
    '山田太郎とその仲間たちのとてもとてもとても長い名前の会社のお知らせ',
  ],
  ['a@example.org', ''],
])('a mail from %s is from that name and address', async (from, name) => {
  const { port, mails } = await smtpServer({ hideSMTPUTF8: true })
  expect(await provider(port, { from }).send(sampleRequest(), never)).toMatchObject({ outcome: 'sent' })
  const [mail] = mails
  expect(mail?.from).toBe('a@example.org')
  if (mail) expect((await read(mail)).from).toMatchObject({ name, address: 'a@example.org' })
})

test('without a sender that can be read there is no provider', () => {
  expect(() => provider(1, { from: 'Ann <a@b.c>, <d@e.f>' })).toThrow(RangeError)
})
