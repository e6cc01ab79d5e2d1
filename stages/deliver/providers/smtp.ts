/** Carries e-mail over SMTP.
 *  Invariant: a message has the same Message-ID in every attempt, so that a mail store can tell a second copy. */
import { createHash } from 'node:crypto'
import { bulkhead } from 'cockatiel'
import { createTransport, type SendMailOptions } from 'nodemailer'
import { type Mailbox, parseMailbox } from '../../../schemas/addresses.js'
import type { Provider, SendRequest } from './provider.js'
import { parseSender, type Sender } from './sender.js'
import { deliveryHeader, isAscii, subjectHeader } from './smtp-headers.js'
import { smtpFailure, withoutUtf8 } from './smtp-outcome.js'
import { sendUtf8 } from './smtp-utf8.js'

export interface SmtpOptions {
  readonly name: string
  /** `smtp://` or `smtps://`, with user and password where the server wants them; nodemailer's options as a query. */
  readonly url: string
  /** The From header: an address, or `Name <address>`, as `parseSender` reads it. */
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
/** Messages that wait for the connection with SMTPUTF8; more are put off. deliver makes far fewer calls at once. */
const maxWaitingForUtf8 = 1000
/** How long a connection may be idle. */
const idleMs = 30_000

/** A pool of connections, and one beside it for what needs SMTPUTF8. Where the signal aborts, a message that waits
 *  leaves the queue, and one under way loses its connection. Throws a `RangeError` where `from` is no sender. */
export function smtpProvider(options: SmtpOptions): Provider {
  const { name, url, connections = 5 } = options
  const from = parseSender(options.from)
  if (from === null) throw new RangeError('from is no sender like Carillon <carillon@example.org>.')
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

  const utf8Line = bulkhead(1, maxWaitingForUtf8)

  return {
    name,
    send: async (request, signal) => {
      const to = parseMailbox(request.delivery.address)
      if (to === null) return { outcome: 'recipient', error: 'The address is not an e-mail address.' }
      try {
        const message = mail(request, to, from)
        if (needsUtf8(to) || needsUtf8(from)) {
          const isSent = await utf8Line.execute(() => sendUtf8(transport.options, message, signal), signal)
          if (!isSent) return withoutUtf8(needsUtf8(from) ? 'sender' : 'recipient')
        } else {
          await transport.sendMail({ ...message, signal })
        }
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

function mail(
  { delivery, key }: SendRequest,
  to: Mailbox,
  from: Sender,
): SendMailOptions & { readonly messageId: string } {
  const { message } = delivery
  return {
    from: { name: from.name, address: addressOf(from) },
    to: { name: '', address: addressOf(to) },
    messageId: messageId(key, from),
    headers: { 'X-Carillon-Delivery': deliveryHeader(key) },
    subject: subjectHeader(message.subject ?? ''),
    ...((message.text !== null || message.html === null) && { text: message.text ?? '' }),
    ...(message.html !== null && { html: message.html }),
  }
}

function addressOf({ local, domain }: Mailbox): string {
  return `${local}@${domain}`
}

function needsUtf8({ local }: Mailbox): boolean {
  return !isAscii(local)
}

function messageId(key: string, { domain }: Sender): string {
  return `<${createHash('sha256').update(key).digest('hex').slice(0, 40)}@${domain}>`
}
