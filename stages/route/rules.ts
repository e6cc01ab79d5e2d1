/** What a channel demands of an address and of a message. */
import { codePoints, isE164, isMailbox } from '../../schemas/addresses.js'
import type { Message } from '../../schemas/events.js'
import type { Channel } from '../../schemas/streams.js'
import { smsSegments } from './sms-segments.js'

/** How much a channel carries. Characters are code points of the text. */
export interface ChannelLimits {
  /** The parts that an SMS is sent in, or characters in however many parts. */
  readonly sms: { readonly segments: number } | { readonly characters: number }
  readonly email: { readonly characters: number }
  /** UTF-8 bytes of a push's payload as JSON, or characters. */
  readonly push: { readonly bytes: number } | { readonly characters: number }
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
      return charactersProblem(message, limits.email.characters, 'an e-mail')
    case 'sms':
      return 'segments' in limits.sms
        ? segmentsProblem(message, limits.sms.segments)
        : charactersProblem(message, limits.sms.characters, 'an SMS')
    case 'push':
      return 'bytes' in limits.push
        ? payloadProblem(message, limits.push.bytes)
        : charactersProblem(message, limits.push.characters, 'a push')
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

function isHttpUrl(address: string): boolean {
  return URL.canParse(address) && /^https?:$/.test(new URL(address).protocol)
}

function charactersProblem({ text }: Message, limit: number, what: string): Problem | null {
  if (text === null || text.length <= limit) return null
  const characters = codePoints(text)
  return characters <= limit ? null : tooLong(`The text has ${characters} characters; ${what} may have ${limit}.`)
}

function segmentsProblem({ text }: Message, limit: number): Problem | null {
  if (smsSegments(text ?? '', limit) <= limit) return null
  return tooLong(`The text takes more than ${limit} SMS ${limit === 1 ? 'segment' : 'segments'}.`)
}

function payloadProblem({ subject, text, data }: Message, limit: number): Problem | null {
  const shown = JSON.stringify({ title: subject ?? undefined, body: text ?? undefined })
  const bytes = Buffer.byteLength(shown) + (data === null ? 0 : Buffer.byteLength(data) + ',"data":'.length)
  if (bytes <= limit) return null
  return { reason: 'too-large', detail: `The payload has ${bytes} bytes; a push may have ${limit}.` }
}

function tooLong(detail: string): Problem {
  return { reason: 'too-long', detail }
}
