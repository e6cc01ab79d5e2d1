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
    const error = `The SMTP server put the message off (${codes}).`
    const retryAfterMs = namedTimeMs(failure.response)
    const charged = isOfRecipient(failure) ? ({ chargedTo: 'recipient' } as const) : {}
    if (isRate(failure)) return { outcome: 'rate-limited', error, retryAfterMs, ...charged }
    return { outcome: 'transient', error, ...(retryAfterMs !== null && { retryAfterMs }), ...charged }
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

/** A reply to RCPT TO is about this address: greylisting, a full mailbox, a domain that does not answer. Save for 421, by
 *  which the server ends the session whatever was asked (RFC 5321, 4.2.1). */
function isOfRecipient({ command, reply }: SmtpError): boolean {
  return command === 'RCPT TO' && reply !== 421
}

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 }

/** The time that a reply names, as greylisting servers word it: "try again in 60 seconds", "come back in 00:04:38",
 *  "Greylisted for 5 minutes". Null where it names none. */
function namedTimeMs(response: string): number | null {
  const [, hours, minutes, seconds] = /\b(\d{1,2}):([0-5]\d):([0-5]\d)\b/.exec(response) ?? []
  if (hours !== undefined) return (Number(hours) * 60 + Number(minutes)) * 60_000 + Number(seconds) * 1000
  const worded =
    /\b(?:in|after|for|wait|within|retry[=:]?|delayed)\s+(?:at least\s+|about\s+)?(\d{1,5})\s*(s|m|h)(?:ec(?:ond)?s?|in(?:ute)?s?|(?:ou)?rs?)?\b/i
  const [, digits, unit = ''] = worded.exec(response) ?? []
  return digits === undefined ? null : Number(digits) * (unitMs[unit.toLowerCase()] ?? 0)
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
