/** Contract C's /ws: the status changes of the notifications that came by it. */
import { z } from '@hono/zod-openapi'
import { type IngressApp, serveEndpoint } from '../endpoint.js'
import { oncePerChange } from '../live/live.js'
import { type StatusSocketParts, serveStatusSocket, socketRules } from '../live/status-socket.js'
import type { StatusChange } from '../live/status-stream.js'
import { tagOfC } from './c-parts.js'
import { statusesOfC, statusOfC } from './c-status.js'

const origin = 'c'

const statusMessage = z
  .strictObject({ notification_id: z.string(), status: z.enum(statusesOfC), timestamp: z.string() })
  .openapi('NotificationStatusMessage')

/** GET /ws. */
export function statusSocketOfC(app: IngressApp, parts: StatusSocketParts): void {
  const asMessage = oncePerChange((change: StatusChange) => {
    // While it waits for another try it is still processing there.
    if (change.origin !== origin || change.waitsAgain) return null
    const { id, status, at } = change
    return Buffer.from(JSON.stringify({ notification_id: id, status: statusOfC(status), timestamp: at }))
  })
  serveEndpoint(
    app,
    {
      method: 'get',
      path: '/ws',
      tag: tagOfC,
      summary: 'Status changes over a WebSocket',
      description: `Of all notifications that came by this contract, as they happen; now and then one twice. ${socketRules}`,
      answers: { 101: { description: 'It is a WebSocket from here on.', schema: statusMessage } },
      problems: [400, 403, 503],
    },
    ({ c }) => serveStatusSocket(c, parts, {}, asMessage),
  )
}
