/** Carries e-mail whose addresses go beyond ASCII before the @. Only a server that offers SMTPUTF8 (RFC 6531) may be
 *  given such an address, and what a server offers is known only once it is spoken to. The pool sends whatever it is
 *  given, so these have a connection of their own, which is left before the envelope where the offer is missing. */
import type { SendMailOptions } from 'nodemailer'
import MailComposer from 'nodemailer/lib/mail-composer'
import SMTPConnection from 'nodemailer/lib/smtp-connection'

/** How the server is reached, and who logs in there. */
export type Utf8Options = SMTPConnection.Options & { readonly auth?: SMTPConnection.AuthenticationType | undefined }

/** True once the server has taken the message; false: it does not offer SMTPUTF8, and was told nothing of it. Rejects
 *  with the errors of nodemailer's transports. */
export async function sendUtf8(options: Utf8Options, mail: SendMailOptions, signal: AbortSignal): Promise<boolean> {
  const connection = new SMTPConnection(options)
  let isDone = false
  try {
    isDone = await Promise.race([converse(connection, options, mail), ended(connection, signal)])
    return isDone
  } finally {
    if (isDone) connection.quit()
    else connection.close()
  }
}

async function converse(connection: SMTPConnection, { auth }: Utf8Options, mail: SendMailOptions): Promise<boolean> {
  await answered((done) => connection.connect(done))
  // The reply to EHLO, the last one before the login; where TLS was started, that within it.
  if (!/^250[ -]SMTPUTF8\b/im.test(connection.lastServerResponse || '')) return false
  if (auth?.user && connection.allowsAuth) await answered((done) => connection.login(auth, done))
  const message = new MailComposer(mail).compile()
  const bytes = await message.build()
  await answered((done) => connection.send(message.getEnvelope(), bytes, done))
  return true
}

function answered(ask: (done: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    ask((error) => (error ? reject(error) : resolve()))
  })
}

/** Rejects when the connection ends or the call is aborted: then no callback comes. */
function ended(connection: SMTPConnection, signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = (code: string) => reject(Object.assign(new Error('The call ended before its answer.'), { code }))
    connection.once('error', reject)
    connection.once('end', () => fail('ECONNECTION'))
    if (signal.aborted) fail('EABORT')
    else signal.addEventListener('abort', () => fail('EABORT'), { once: true })
  })
}
