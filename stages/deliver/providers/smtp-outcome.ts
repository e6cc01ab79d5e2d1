/** What an error of nodemailer means for a delivery. Replies often quote the address, so of a reply only its codes are
 *  told: the three digits (RFC 5321) and the enhanced code (RFC 3463). */
import type { SendResult } from './provider.js'

interface SmtpError {
  readonly code: string
  /** What lies below the code, such as ECONNREFUSED below ESOCKET; else the code. */
  readonly cause: string
  readonly command: string
  /** 0 where the server did not answer. */
  readonly reply: number
  /** Such as 5.1.1; empty where there was none. */
  readonly enhanced: string
  readonly response: string
}

/** The outcome of a call that failed. */
export function smtpFailure(error: unknown): SendResult {
  const failure = readError(error)
  const { code, reply, enhanced } = failure
  if (reply === 0) return unanswered(failure)
  const codes = enhanced === '' ? String(reply) : `${reply} ${enhanced}`
  // 503 says that the session was out of step, not that the message was refused.
  if (reply < 500 || reply === 503) {
    const text = `The SMTP server put the message off (${codes}).`
    return isRate(failure)
      ? { outcome: 'rate-limited', error: text, retryAfterMs: null }
      : { outcome: 'transient', error: text }
  }
  if (code === 'EAUTH') return { outcome: 'permanent', error: `The SMTP server refused the login (${codes}).` }
  if (isRecipient(failure)) return { outcome: 'recipient', error: `The SMTP server refused the recipient (${codes}).` }
  return { outcome: 'permanent', error: `The SMTP server refused the message (${codes}).` }
}

/** The server does not offer SMTPUTF8 (RFC 6531), which an address needs that goes beyond ASCII before the @. */
export function withoutUtf8(whose: 'sender' | 'recipient'): SendResult {
  const error = `The SMTP server does not offer SMTPUTF8, which the address of the ${whose} needs.`
  return { outcome: whose === 'sender' ? 'permanent' : 'recipient', error }
}

/** Failures before or without a reply: the connection's, or what nodemailer itself refuses to send. */
function unanswered({ code, cause, command }: SmtpError): SendResult {
  switch (code) {
    case 'EAUTH':
    case 'ENOAUTH':
    case 'ECONFIG':
    case 'EREQUIRETLS':
    case 'EMESSAGE':
    case 'EENVELOPE':
      return { outcome: 'permanent', error: `The message cannot be sent by this SMTP server (${code} ${command}).` }
    case 'EABORT':
      return { outcome: 'transient', error: 'The SMTP server did not answer in time.' }
    default:
      return { outcome: 'transient', error: `The SMTP server could not be reached, or did not answer (${cause}).` }
  }
}

/** The mailbox is refused (RFC 3463: x.1 addressing, x.2 mailbox), save for the codes on the sender's address. A 5.7
 *  at the recipient is a policy, mostly a relay that is not open to us. */
function isRecipient({ command, reply, enhanced }: SmtpError): boolean {
  if (enhanced === '5.1.7' || enhanced === '5.1.8') return false
  if (enhanced.startsWith('5.1.')) return command === 'RCPT TO' || command === 'DATA'
  if (command !== 'RCPT TO' || enhanced.startsWith('5.7.')) return false
  return enhanced.startsWith('5.2.') || reply === 550 || reply === 551 || reply === 553
}

/** 4.7.28 is "mail flood detected" in IANA's list; other servers say it in words only. */
function isRate({ enhanced, response }: SmtpError): boolean {
  return enhanced === '4.7.28' || (enhanced.startsWith('4.7.') && /\brate\b/i.test(response))
}

function readError(error: unknown): SmtpError {
  const fields: Record<string, unknown> = error instanceof Error ? { ...error } : {}
  const { code, originalCode, command, responseCode, response } = fields
  const line = typeof response === 'string' ? response : ''
  return {
    code: isCode(code) ? code : 'no code',
    cause: isCode(originalCode) ? originalCode : isCode(code) ? code : 'no code',
    command: typeof command === 'string' && /^[A-Z][A-Z0-9 -]{1,30}$/.test(command) ? command : '',
    reply: typeof responseCode === 'number' ? responseCode : 0,
    enhanced: /^\d{3}[ -](\d\.\d{1,3}\.\d{1,3})\b/.exec(line)?.[1] ?? '',
    response: line,
  }
}

/** Codes are upper-case names such as ETIMEDOUT; anything else might say more than it should. */
function isCode(code: unknown): code is string {
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,60}$/.test(code)
}
