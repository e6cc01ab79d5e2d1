/** What a notification might say and where: its channels, its addresses, and a template's message in a locale. */
import type { Address, Message, NotificationRequested } from '../../schemas/events.js'
import { type Channel, channels } from '../../schemas/streams.js'
import type { KnownRecipient, TemplateVersion } from '../../schemas/template.js'

/** Content under this key is for any channel. */
const anyChannel = '*'

/** The channels in question: those asked for; else the template's, the content's, those of the addresses given, the
 *  known recipient's; else the inbox. */
export function candidateChannels(
  request: Pick<NotificationRequested, 'channels' | 'content' | 'to'>,
  template: TemplateVersion | undefined,
  recipient: KnownRecipient | undefined,
): readonly string[] {
  const asked = request.channels ?? []
  if (asked.length > 0) return [...new Set(asked)]
  const content = request.content ?? {}
  const groups = [
    template
      ? channels.filter((channel) => Object.values(template.locales).some((by) => Object.hasOwn(by, channel)))
      : [],
    channels.filter((channel) => Object.hasOwn(content, channel)),
    channelsOf(givenAddresses(request.to)),
    recipient ? channelsOf(storedAddresses(recipient)) : [],
  ]
  return groups.find((group) => group.length > 0) ?? ['inapp']
}

/** Where a recipient can be reached. */
export interface Reach {
  /** Channel to address. */
  readonly addresses: Readonly<Record<string, string>>
  /** Channel to the addresses beyond that one; null: no channel has several. */
  readonly furtherAddresses: Readonly<Record<string, readonly string[]>> | null
}

/** The request's addresses before the stored: a device that it names is told alone, else every stored one is. The
 *  inbox is the recipient's own. */
export function reachOf(
  { to, recipient: key }: Pick<NotificationRequested, 'to' | 'recipient'>,
  recipient: KnownRecipient | undefined,
): Reach {
  const found: Record<string, string> = { inapp: key }
  for (const addresses of [recipient ? storedAddresses(recipient) : {}, givenAddresses(to)]) {
    for (const [channel, address] of Object.entries(addresses)) if (address) found[channel] = address
  }
  const [, ...moreDevices] = to.device ? [] : devicesOf(recipient)
  return { addresses: found, furtherAddresses: moreDevices.length > 0 ? { push: moreDevices } : null }
}

/** The request's literal content for a channel. */
export function contentFor(content: NotificationRequested['content'], channel: string): Message | null {
  if (!content) return null
  if (Object.hasOwn(content, channel)) return content[channel] ?? null
  return content[anyChannel] ?? null
}

export interface LocalizedMessage {
  readonly locale: string
  readonly message: Message
}

/** The template's message for a channel in the best locale: the recipient's, cut at its hyphens step by step (RFC 4647,
 *  section 3.4), then the template's own, then any. */
export function messageIn(
  template: TemplateVersion,
  channel: string,
  locale: string | undefined,
): LocalizedMessage | undefined {
  const names = Object.keys(template.locales).filter((name) => template.locales[name]?.[channel])
  const wanted = [...(locale ? lookupRange(locale) : []), template.locale.toLowerCase()]
  const best = wanted.map((tag) => names.find((name) => name.toLowerCase() === tag)).find((name) => name !== undefined)
  const chosen = best ?? names[0]
  const message = chosen === undefined ? undefined : template.locales[chosen]?.[channel]
  return chosen !== undefined && message ? { locale: chosen, message } : undefined
}

/** `zh-Hant-TW` gives zh-hant-tw, zh-hant, zh. */
function lookupRange(locale: string): string[] {
  const parts = locale.toLowerCase().split(/[-_]/)
  return parts.map((_, index) => parts.slice(0, parts.length - index).join('-'))
}

type Addresses = Readonly<Partial<Record<Channel, string | null | undefined>>>

function givenAddresses({ email, phone, device, webhook, slack }: Address): Addresses {
  return { email, sms: phone, push: device, webhook, slack }
}

function storedAddresses(recipient: KnownRecipient): Addresses {
  const { email, phone, webhook, slack } = recipient
  return { email, sms: phone, push: devicesOf(recipient)[0], webhook, slack }
}

/** Each device once, however often it was registered. */
function devicesOf(recipient: KnownRecipient | undefined): readonly string[] {
  return [...new Set(recipient?.devices?.filter((device) => device !== ''))]
}

function channelsOf(addresses: Addresses): Channel[] {
  return channels.filter((channel) => addresses[channel])
}
