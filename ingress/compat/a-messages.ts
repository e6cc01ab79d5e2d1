/** Contract A: messages between users. They are in-app messages, so they are there after a restart, in the order of
 *  their acceptance, also those sent before anybody looked. */
import { z } from '@hono/zod-openapi'
import { tenant } from '../../schemas/tenant.js'
import { answer, type IngressApp } from '../endpoint.js'
import type { InboxMessage, IngressPorts, Recipients } from '../ports.js'
import { invalid, Problem } from '../problem.js'
import { plainMessage } from '../requests/channel-content.js'
import { identifier } from '../requests/identifier.js'
import { type ContractErrors, contractApp, serveContract, serveNothingElse } from './contract.js'
import { newNotification } from './new-notification.js'

/** An integer written in decimal, as a form or a path has it. Beyond 2^53 two ids could not be told apart. */
export const integer = z
  .string({ error: 'Must be an integer.' })
  .regex(/^[+-]?\d{1,17}$/, { error: 'Must be an integer.', abort: true })
  .transform(Number)
  .refine(Number.isSafeInteger, 'Must be an integer of at most 9007199254740991.')
  .openapi({ type: 'integer' })

const tag = 'Contract A: user messages'
/** Messages that one answer holds, the newest. */
const maxMessages = 10_000
/** Messages read at once. */
const pageSize = 1000

const user = z.object({ id: z.int(), name: z.string() }).openapi('MessageUser')
type User = z.infer<typeof user>

const said = z.object({ message: z.string() })
const message = z.object({ from: user, to: user, message: z.string() })
const messages = z
  .object({ message: z.string().optional(), notifications: z.array(message) })
  .openapi('UserMessages', { description: 'The oldest first.' })

const sendForm = z
  .object({ fromID: integer, toID: integer, message: z.string().min(1) })
  .openapi('SendForm', { example: { fromID: 1, toID: 2, message: 'Bruno started following you.' } })

/** A log that cannot be reached is a 500 there. */
const errors: ContractErrors = {
  schema: said,
  body: (text) => ({ message: text }),
  status: ({ status }) => (status === 503 || status === 507 ? 500 : status),
}

/** POST /send and GET /notifications/{userID}. */
export function messageContract(ports: IngressPorts): IngressApp {
  const app = contractApp(errors)
  serveSend(app, ports)
  serveMessages(app, ports)
  serveNothingElse(app, '/send', '/notifications/:userID')
  return app
}

function serveSend(app: IngressApp, ports: IngressPorts): void {
  serveContract(
    app,
    errors,
    {
      method: 'post',
      path: '/send',
      tag,
      summary: 'Send a message from one user to another',
      body: { schema: sendForm, form: 'form' },
      answers: { 200: { description: 'It is durable.', schema: said } },
      problems: [404],
    },
    async ({ c, body: { fromID, toID, message: text } }) => {
      const [from, to] = await Promise.all([known(ports.recipients, fromID), known(ports.recipients, toID)])
      if (!from || !to) throw new Problem('not-found', 'User not found')
      const notification = newNotification(c, ports, 'a', {
        recipient: { id: String(to.id) },
        channel: 'inapp',
        content: plainMessage(undefined, text),
        metadata: { from },
      })
      await ports.acceptor.accept([notification], null)
      return answer(c, 200, { message: 'Notification sent successfully!' })
    },
  )
}

function serveMessages(app: IngressApp, { inbox, recipients }: IngressPorts): void {
  serveContract(
    app,
    errors,
    {
      method: 'get',
      path: '/notifications/{userID}',
      tag,
      summary: 'The messages that a user was sent',
      params: z.object({ userID: identifier }),
      answers: { 200: { description: `The newest ${maxMessages} of them.`, schema: messages } },
    },
    async ({ c, params: { userID } }) => {
      const id = integer.safeParse(userID)
      if (!id.success) throw invalid([{ path: 'userID', message: 'Must be an integer.' }])
      const received = await receivedBy(String(id.data), inbox)
      const to = (await known(recipients, id.data)) ?? { id: id.data, name: userID }
      const notifications = received.flatMap(({ body, metadata }) => {
        const from = user.safeParse((metadata as { from?: unknown } | undefined)?.from)
        return from.success ? [{ from: from.data, to, message: body }] : []
      })
      if (notifications.length > 0) return answer(c, 200, { notifications })
      return answer(c, 200, { message: 'No notifications found for user', notifications })
    },
  )
}

/** Undefined for a user that nobody told of. */
async function known(recipients: Recipients, id: number): Promise<User | undefined> {
  const recipient = await recipients.get(tenant, String(id))
  return recipient && { id, name: recipient.name ?? recipient.id }
}

/** The oldest first. */
async function receivedBy(recipient: string, inbox: IngressPorts['inbox']): Promise<readonly InboxMessage[]> {
  const newestFirst: InboxMessage[] = []
  let cursor: string | null | undefined
  while (cursor !== null && newestFirst.length < maxMessages) {
    const page = await inbox.list(tenant, recipient, pageSize, cursor)
    newestFirst.push(...page.data)
    cursor = page.nextCursor
  }
  return newestFirst.reverse()
}
