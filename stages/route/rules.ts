/** What a channel demands of an address and of a message. */
import { parsePhoneNumberFromString } from 'libphonenumber-js'
import type { Message } from '../../schemas/events.js'
import type { Channel } from '../../schemas/topics.js'
import { smsSegments } from './sms-segments.js'

/** How much a channel carries. */
export interface ChannelLimits {
  /** Parts that an SMS is sent in. */
  readonly smsSegments: number
  /** Code points of an e-mail's text. */
  readonly emailCharacters: number
  /** UTF-8 bytes of a push's payload as JSON. */
  readonly pushBytes: number
}

/** A stable code, and what a person needs to know: never the address or the content. */
export interface Problem {
  readonly reason: string
  readonly detail: string
}

/** What is wrong with an address; null: nothing. */
export function addressProblem(channel: Channel, address: string): Problem | null {
  switch (channel) {
    case 'email':
      return isMailbox(address) ? null : invalid('The e-mail address is not valid.')
    case 'sms':
      return isE164(address) ? null : invalid('The phone number is not in E.164 format, such as +4915112345678.')
    case 'webhook':
      return isHttpUrl(address) ? null : invalid('The webhook address is not an http or https URL.')
    case 'push':
    case 'inapp':
    case 'slack':
      return null
  }
}

/** What the channel cannot carry of a message; null: it carries all. */
export function contentProblem(channel: Channel, message: Message, limits: ChannelLimits): Problem | null {
  if (!saysAnything(channel, message)) return { reason: 'no-content', detail: `There is nothing to say by ${channel}.` }
  switch (channel) {
    case 'email':
      return emailProblem(message.text ?? '', limits.emailCharacters)
    case 'sms':
      return smsProblem(message.text ?? '', limits.smsSegments)
    case 'push':
      return pushProblem(message, limits.pushBytes)
    case 'webhook':
    case 'inapp':
    case 'slack':
      return null
  }
}

function saysAnything(channel: Channel, { subject, text, html, data }: Message): boolean {
  return channel === 'sms' ? Boolean(text) : Boolean(subject || text || html || data)
}

function invalid(detail: string): Problem {
  return { reason: 'invalid-address', detail }
}

// RFC 5321, section 4.5.3.1: 64 octets before the @, 254 in all.
const localPart = /^[^\s@"(),:;<>[\\\]\p{Cc}]{1,64}$/u
const domainLabel = /^[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?$/u
const mailboxCharacters = 254

/** A mailbox as it is used on the internet: dot-atoms, no quoting, no comments. */
function isMailbox(address: string): boolean {
  if (address.length > mailboxCharacters) return false
  const [local, domain, ...rest] = address.split('@')
  if (local === undefined || domain === undefined || rest.length > 0) return false
  const dotted = local.split('.').every((atom) => atom !== '')
  return dotted && localPart.test(local) && domain.split('.').every((label) => domainLabel.test(label))
}

/** Digits of the shortest national number with its country code. */
const shortestPhoneDigits = 7

/** E.164 as it is written, with a country code that exists. Whether the national part is in use is the provider's to
 *  say: numbering plans change before any table of them does. */
function isE164(address: string): boolean {
  return address.length > shortestPhoneDigits && parsePhoneNumberFromString(address)?.number === address
}

function isHttpUrl(address: string): boolean {
  return URL.canParse(address) && /^https?:$/.test(new URL(address).protocol)
}

function emailProblem(text: string, limit: number): Problem | null {
  if (text.length <= limit) return null
  const characters = codePoints(text)
  return characters <= limit ? null : tooLong(`The text has ${characters} characters; an e-mail may have ${limit}.`)
}

function codePoints(text: string): number {
  let count = 0
  for (const _ of text) count += 1
  return count
}

function smsProblem(text: string, limit: number): Problem | null {
  if (smsSegments(text, limit) <= limit) return null
  return tooLong(`The text takes more than ${limit} SMS ${limit === 1 ? 'segment' : 'segments'}.`)
}

function pushProblem({ subject, text, data }: Message, limit: number): Problem | null {
  const shown = JSON.stringify({ title: subject ?? undefined, body: text ?? undefined })
  const bytes = Buffer.byteLength(shown) + (data === null ? 0 : Buffer.byteLength(data) + ',"data":'.length)
  if (bytes <= limit) return null
  return { reason: 'too-large', detail: `The payload has ${bytes} bytes; a push may have ${limit}.` }
}

function tooLong(detail: string): Problem {
  return { reason: 'too-long', detail }
}
