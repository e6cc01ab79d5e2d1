import { expect, test } from 'vitest'
import { never, sampleRequest } from '../../../testing/stages/deliver/delivery-sample.js'
import { type Mail, provider, read, smtpServer } from '../../../testing/stages/deliver/smtp-server-sample.js'

async function sent(subject: string, id = 'n-1:email'): Promise<Mail> {
  const { port, mails } = await smtpServer()
  await provider(port).send(sampleRequest({ id, message: { subject } }), never)
  const [mail] = mails
  if (!mail) throw new Error('No mail came.')
  return mail
}

test.each([
  'Hello',
  '=?UTF-8?B?SGVsbG8=?=',
  'Re: =?UTF-8?Q?Hello?= and =?utf-8?q?more?=',
  '=?UTF-8?B?SGVsbG8=?= =?UTF-8?B?SGVsbG8=?=',
  'Grüße =?UTF-8?B?SGVsbG8=?=',
  '=?utf-8?Q?a b?=',
  'x=?UTF-8?B?SGVsbG8=?=y',
  '=?UTF-8*en?Q?a?=',
  '=?UTF-8?B?SGVs',
  '"quoted" (in brackets) <a@b.c>, and; more: \\ ?= ==?',
  'two  spaces and ü  ü',
  '_under=20score_ =C3=BC',
  `${'long '.repeat(200)}end`,
  'x'.repeat(1500),
  'ü'.repeat(400),
  '日本語の件名'.repeat(60),
  '😀'.repeat(200),
  'שלום, עולם',
])('the subject %j is read as it was given', async (subject) => {
  const mail = await sent(subject)
  const head = mail.raw.slice(0, mail.raw.indexOf('\r\n\r\n'))
  expect((await read(mail)).subject).toBe(subject)
  expect(head.split('\r\n').filter((line) => line.length > 78)).toEqual([])
  expect(head).toMatch(/^[\x20-\x7e\r\n\t]*$/)
})

test('what would end a line is a space in the subject, and what stands at its ends is gone', async () => {
  const { subject, headers } = await read(await sent(' a\r\nBcc: eve@evil.test\u2028b\0c\t'))
  expect([subject, headers.some(({ key }) => key === 'bcc')]).toEqual(['a Bcc: eve@evil.test b c', false])
})

test('an id that looks like an encoded word is no such word in its header', async () => {
  const id = '=?UTF-8?B?SGVsbG8=?=.email'
  const { headers } = await read(await sent('Hello', id))
  const header = headers.find(({ key }) => key === 'x-carillon-delivery')
  expect(Buffer.from(header?.value ?? '', 'base64url').toString()).toBe(id)
})
