import { expect, test } from 'vitest'
import { smtpFailure } from './smtp-outcome.js'

/** What nodemailer rejects with where a server replies so to a command. */
function reply(responseCode: number, text: string, command = 'RCPT TO'): Error {
  const response = `${responseCode} ${text}`
  return Object.assign(new Error(response), { code: 'EENVELOPE', command, responseCode, response })
}

test.each([
  ['4.2.0 greylisted', null],
  ['4.7.1 try again later', null],
  ['4.7.1 Greylisted, please try again in 60 seconds', 60_000],
  ['try again in 60 seconds', 60_000],
  ['4.2.0 Greylisted for 5 minutes', 300_000],
  ['4.7.1 Greylisting in action, please come back in 00:04:38', 278_000],
  ['4.7.1 retry after 300s', 300_000],
  ['4.7.1 Please retry in 1 min', 60_000],
  ['4.7.0 wait at least 2 hrs', 7_200_000],
  ['4.4.2 error in 3 mailboxes', null],
  ['4.3.2 in 5 messages', null],
])('450 %s names the time %s', (text, ms) => {
  const result = smtpFailure(reply(450, text))
  expect('retryAfterMs' in result ? result.retryAfterMs : null).toBe(ms)
})

test('a reply to RCPT TO is the recipient’s matter, unless the server ends the session', () => {
  const results = [
    smtpFailure(reply(450, '4.2.0 mailbox busy')),
    smtpFailure(reply(450, '4.7.28 flood')),
    smtpFailure(reply(421, '4.3.2 shutting down')),
    smtpFailure(reply(451, '4.3.0 try again in 2 minutes', 'DATA')),
    smtpFailure(reply(451, '4.3.0 busy', 'MAIL FROM')),
  ]
  const told = (codes: string) => ({ outcome: 'transient', error: `The SMTP server put the message off (${codes}).` })
  expect(results).toEqual([
    { ...told('450 4.2.0'), chargedTo: 'recipient' },
    { ...told('450 4.7.28'), outcome: 'rate-limited', retryAfterMs: null, chargedTo: 'recipient' },
    told('421 4.3.2'),
    { ...told('451 4.3.0'), retryAfterMs: 120_000 },
    told('451 4.3.0'),
  ])
})
