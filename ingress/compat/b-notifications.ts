/** Contract B: one description for several users, by SMS, e-mail or in the app; the same for the same user within the
 *  window is a duplicate, and told so at once. */

import { createHash } from 'node:crypto'
import { z } from '@hono/zod-openapi'
import type { NotificationRequested } from '../../schemas/events.js'
import { finalStatuses, gotThrough } from '../../schemas/record.js'
import { answer, type IngressApp } from '../endpoint.js'
import type { CompatOptions, IngressOptions } from '../options.js'
import type { Claim, IngressPorts } from '../ports.js'
import { plainMessage } from '../requests/channel-content.js'
import { maxFanOut } from '../requests/notification-request.js'
import { acceptOnce, contractKey, type Owner } from './accept-once.js'
import { contractApp, errorField, serveContract, serveNothingElse } from './contract.js'
import { frontLimit } from './front-limit.js'
import { newNotification } from './new-notification.js'

const types = ['sms', 'email', 'inapp'] as const

/** Characters: of a thousand users each gets a copy. */
const maxDescription = 10_000

const request = z
  .object({
    user_id: z.array(z.int()).min(1).max(maxFanOut),
    type: z.enum(types),
    description: z.string().min(1).max(maxDescription),
  })
  .openapi('UserNotification', { example: { user_id: [1, 2], type: 'inapp', description: 'Your order has shipped.' } })

const results = z
  .object({
    results: z.array(z.object({ user_id: z.int(), id: z.string(), status: z.enum(['accepted', 'duplicate']) })),
  })
  .openapi('UserNotificationResults', { description: 'In the order of the users; the id of the one that is sent.' })

type Told = z.infer<typeof results>['results'][number]

/** POST /user/notification. */
export function userNotificationContract(
  ports: IngressPorts,
  { requestsPerMinute, duplicateWindowMs: windowMs }: NonNullable<CompatOptions['b']>,
  { trustedProxies }: Pick<IngressOptions, 'trustedProxies'>,
): IngressApp {
  const app = contractApp(errorField)
  const limit = frontLimit({ requestsPerMinute, trustedProxies })
  app.use('/user/notification', (c, next) => {
    limit(c)
    return next()
  })
  serveContract(
    app,
    errorField,
    {
      method: 'post',
      path: '/user/notification',
      tag: 'Contract B: user notifications',
      summary: 'Notify several users',
      body: { schema: request },
      answers: { 200: { description: 'All that is accepted is durable.', schema: results } },
      problems: [429, 503, 507],
    },
    async ({ c, body: { user_id: users, type, description } }) => {
      const said = createHash('sha256').update(description).digest('base64url')
      const tell = async (user: number): Promise<Told> => {
        const recipient = { id: String(user) }
        const content = plainMessage(undefined, description)
        const notification = newNotification(c, ports, 'b', { recipient, channel: type, content })
        const key = contractKey('b', `${user}/${said}`)
        const { id, isNew } = await acceptUnlessTold(ports, notification, { key, windowMs })
        return { user_id: user, id, status: isNew ? 'accepted' : 'duplicate' }
      }
      // One who is named again waits for the first: which of two at once is the duplicate would be chance.
      const firsts = new Map<number, Promise<Told>>()
      const told = users.map((user) => {
        const first = firsts.get(user)
        if (first) return first.then((one): Told => ({ ...one, status: 'duplicate' }))
        const alone = tell(user)
        firsts.set(user, alone)
        return alone
      })
      return answer(c, 200, { results: await allDone(told) })
    },
  )
  serveNothingElse(app, '/user/notification')
  return app
}

/** Accepts it once for its key. A first one that ended without getting through has nobody told: then this one takes the
 *  key over, unless another was faster. */
async function acceptUnlessTold(
  { acceptor, records }: Pick<IngressPorts, 'acceptor' | 'records'>,
  notification: NotificationRequested,
  claim: Pick<Claim, 'key' | 'windowMs'>,
): Promise<Owner> {
  const owner = await acceptOnce(acceptor, notification, claim)
  if (owner.isNew) return owner
  // What the store cannot tell is under way, as far as anybody knows.
  const first = await records.get(notification.tenant, owner.id).catch(() => undefined)
  if (!first || !finalStatuses.has(first.status) || gotThrough.has(first.status)) return owner
  return acceptOnce(acceptor, notification, { ...claim, insteadOf: owner.id })
}

/** Waits for all, so that nothing is under way any more when one has failed. */
async function allDone<T>(work: readonly Promise<T>[]): Promise<readonly T[]> {
  const settled = await Promise.allSettled(work)
  return settled.map((one) => {
    if (one.status === 'rejected') throw one.reason
    return one.value
  })
}
