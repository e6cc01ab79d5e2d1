/** A real SMTP server, and the provider that sends to it. */
import type { AddressInfo } from 'node:net'
import PostalMime, { type Email } from 'postal-mime'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import { onTestFinished } from 'vitest'
import { type SmtpOptions, smtpProvider } from '../../../stages/deliver/providers/smtp.js'

/** What the server took. */
export interface Mail {
  readonly from: string | undefined
  readonly to: readonly string[]
  readonly raw: string
}

/** A real SMTP server on 127.0.0.1 until the test ends. */
export async function smtpServer(options: SMTPServerOptions = {}) {
  const mails: Mail[] = []
  const server = new SMTPServer({
    authOptional: true,
    logger: false,
    closeTimeout: 1,
    onData: async (stream, session, done) => {
      const chunks: Buffer[] = []
      for await (const chunk of stream) chunks.push(Buffer.from(chunk))
      const { mailFrom, rcptTo } = session.envelope
      const from = mailFrom === false ? undefined : mailFrom.address
      mails.push({ from, to: rcptTo.map(({ address }) => address), raw: Buffer.concat(chunks).toString() })
      done()
    },
    ...options,
  })
  server.on('error', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())))
  const { port } = server.server.address() as AddressInfo
  return { port, mails, server }
}

/** Sends to a server on this port until the test ends. */
export function provider(
  port: number,
  { login = '', query = '', ...options }: Partial<SmtpOptions> & { login?: string; query?: string } = {},
) {
  const url = `smtp://${login}127.0.0.1:${port}${query}`
  const made = smtpProvider({ name: 'smtp', url, from: 'Carillon <no-reply@carillon.test>', ...options })
  onTestFinished(() => made.close())
  return made
}

/** As a mail reader reads it. */
export function read({ raw }: Mail): Promise<Email> {
  return PostalMime.parse(raw)
}
