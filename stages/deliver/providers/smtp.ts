/** Carries e-mail over SMTP.
 *  Invariant: a message has the same Message-ID in every attempt, so that a mail store can tell a second copy. */
import { createHash } from 'node:crypto'
import { createTransport, type SendMailOptions } from 'nodemailer'
import { headerValue } from './header-value.js'
import type { Provider, SendRequest } from './provider.js'
import { smtpFailure } from './smtp-outcome.js'

export interface SmtpOptions {
  readonly name: string
  /** `smtp://` or `smtps://`, with user and password where the server wants them; nodemailer's options as a query. */
  readonly url: string
  /** The From header: an address, or `Name <address>`. */
  readonly from: string
  /** Connections open at once. */
  readonly connections?: number
  /** To the open connection. */
  readonly connectTimeoutMs?: number
  /** From there to the server's greeting. */
  readonly greetingTimeoutMs?: number
  /** Between two signs of life. */
  readonly socketTimeoutMs?: number
}

/** How often a message goes on to another connection when its own turns out to be closed before a byte was sent. */
const maxRequeues = 2
/** Messages over one connection; servers tend to end longer ones. */
const maxMessages = 100
/** How long a connection may be idle. */
const idleMs = 30_000

/** A pool of connections. Where the signal aborts, a message that waits leaves the pool's queue, and one under way
 *  loses its connection. */
export function smtpProvider(options: SmtpOptions): Provider {
  const { name, url, from, connections = 5 } = options
  const { connectTimeoutMs = 10_000, greetingTimeoutMs = 10_000, socketTimeoutMs = 30_000 } = options
  const transport = createTransport({
    url,
    pool: true,
    maxConnections: connections,
    maxMessages,
    maxRequeues,
    idleTimeout: idleMs,
    dnsTimeout: connectTimeoutMs,
    connectionTimeout: connectTimeoutMs,
    greetingTimeout: greetingTimeoutMs,
    socketTimeout: socketTimeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
    tls: { rejectUnauthorized: mustTrust(url) },
  })

  return {
    name,
    send: async (request, signal) => {
      if (!isMailbox(request.delivery.address)) {
        return { outcome: 'recipient', error: 'The address is not an e-mail address.' }
      }
      try {
        const message = mail(request, from)
        await transport.sendMail({ ...message, signal })
        return { outcome: 'sent', messageId: message.messageId }
      } catch (error) {
        return smtpFailure(error)
      }
    },
    destination: () => null,
    close: async () => transport.close(),
  }
}

/** The certificate is checked where TLS is asked for or a password is sent. Else STARTTLS is a gift (RFC 7435): whoever
 *  could forge the certificate could as well leave out the offer, and plain text would be the worse answer. */
function mustTrust(url: string): boolean {
  const { protocol, username, password, searchParams } = new URL(url)
  return protocol === 'smtps:' || username !== '' || password !== '' || searchParams.get('requireTLS') === 'true'
}

function mail({ delivery, key }: SendRequest, from: string): SendMailOptions & { readonly messageId: string } {
  const { address, message } = delivery
  return {
    from,
    to: { name: '', address },
    messageId: messageId(key, from),
    headers: { 'X-Carillon-Delivery': headerValue(key) },
    subject: oneLine(message.subject ?? ''),
    ...((message.text !== null || message.html === null) && { text: message.text ?? '' }),
    ...(message.html !== null && { html: message.html }),
  }
}

function messageId(key: string, from: string): string {
  const domain = /@([A-Za-z0-9.-]+)>?\s*$/.exec(from)?.[1] ?? 'carillon.invalid'
  return `<${createHash('sha256').update(key).digest('hex').slice(0, 40)}@${domain}>`
}

function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ').trim()
}

/** One bare mailbox: nothing that could be read as a list, a name, a comment or a second line. */
function isMailbox(address: string): boolean {
  return address.length <= 254 && /^[^\s<>()[\]\\,;:"@\p{Cc}]+@[^\s<>()[\]\\,;:"@\p{Cc}]+$/u.test(address)
}
