/** What each channel says: the shape the API takes and shows, and the one Message that stands for it inside. */
import { z } from '@hono/zod-openapi'
import type { Message } from '../../schemas/events.js'
import { type Channel, channels } from '../../schemas/streams.js'

export type JsonObject = Readonly<Record<string, unknown>>

/** Any JSON object. Handed through as it is: the body's reader has already bounded its depth. */
export const jsonObject = z
  .custom<JsonObject>((value) => typeof value === 'object' && value !== null && !Array.isArray(value), {
    error: (issue) => (issue.input === undefined ? 'Required.' : 'Must be an object.'),
  })
  .openapi({ type: 'object', additionalProperties: true })

const text = z.string().min(1)

const email = z
  .strictObject({ subject: text, html: text.optional(), text: text.optional() })
  .refine(({ html, text }) => html !== undefined || text !== undefined, 'Needs html or text.')
const push = z.strictObject({
  title: text,
  body: text,
  data: jsonObject.optional().openapi({ description: 'Carried along for the app.' }),
})
const inapp = z.strictObject({ title: text.optional(), body: text })
const oneText = z.strictObject({ text })
const webhook = jsonObject.openapi({
  description: 'Only subject and body: they are the message. Anything else: the payload itself.',
})

/** Content by channel: at least one. */
export const channelContent = z
  .strictObject({
    email: email.optional(),
    sms: oneText.optional(),
    push: push.optional(),
    inapp: inapp.optional(),
    webhook: webhook.optional(),
    slack: oneText.optional(),
  })
  .refine((content) => Object.keys(content).length > 0, `Needs one of ${channels.join(', ')}.`)
  .openapi('ChannelContent')
export type ChannelContent = z.infer<typeof channelContent>

/** The message that fits every channel, from plain subject and body. */
export function plainMessage(subject: string | undefined, body: string): Message {
  return { subject: subject ?? null, text: body, html: null, data: null }
}

/** One message for each channel that has content. */
export function messagesOf(content: ChannelContent): Record<string, Message> {
  const messages: Record<string, Message> = {}
  const { email, sms, push, inapp, webhook, slack } = content
  if (email) messages.email = { subject: email.subject, text: email.text ?? null, html: email.html ?? null, data: null }
  if (sms) messages.sms = plainMessage(undefined, sms.text)
  if (push) {
    messages.push = { ...plainMessage(push.title, push.body), data: push.data ? JSON.stringify(push.data) : null }
  }
  if (inapp) messages.inapp = plainMessage(inapp.title, inapp.body)
  if (webhook) messages.webhook = webhookMessage(webhook)
  if (slack) messages.slack = plainMessage(undefined, slack.text)
  return messages
}

/** What a message's channel says in the API's words: the inverse of `messagesOf`. */
export function contentOf(channel: string, message: Partial<Message>): JsonObject {
  const { subject, text, html, data } = message
  switch (channel as Channel) {
    case 'email':
      return present({ subject, html, text })
    case 'sms':
    case 'slack':
      return present({ text })
    case 'push':
      return present({ title: subject, body: text, data: parsed(data) })
    case 'inapp':
      return present({ title: subject, body: text })
    case 'webhook':
      return webhookContent(message)
  }
}

function webhookMessage(webhook: JsonObject): Message {
  const { subject, body, ...others } = webhook
  const plain = Object.keys(others).length === 0 && (subject === undefined || typeof subject === 'string')
  if (plain && typeof body === 'string') return plainMessage(subject, body)
  return { subject: null, text: null, html: null, data: JSON.stringify(webhook) }
}

function webhookContent({ subject, text, data }: Partial<Message>): JsonObject {
  const payload = parsed(data)
  if (typeof payload === 'object' && payload !== null) return payload as JsonObject
  return present({ subject, body: text ?? payload })
}

// What a template rendered need not be JSON: then it is shown as the text it is.
function parsed(data: string | null | undefined): unknown {
  if (data === null || data === undefined) return undefined
  try {
    return JSON.parse(data)
  } catch {
    return data
  }
}

/** The fields that are there: without what is undefined or null. */
export function present(fields: Readonly<Record<string, unknown>>): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null))
}
