/** A WebSocket of status changes, whatever shape its messages have. */

import { tenant } from '../../schemas/tenant.js'
import { type Credentials, keyFrom } from '../authorization.js'
import type { IngressContext } from '../endpoint.js'
import type { IngressPorts } from '../ports.js'
import type { Interest } from './changes.js'
import type { Live } from './live.js'
import { openStatusStream, type StatusChange, type StatusStream } from './status-stream.js'
import { closeCodes, onConnectionEnd, requireUpgrade, serveSocket, type TellingSocket } from './web-socket.js'

/** What the documentation says of every such socket. */
export const socketRules =
  'Where a key is needed, it stands in the header Authorization, or comes as the first message within 5 s: ' +
  '`{"token": "…"}`; without it the socket is closed with 4401. Pages of other origins are refused unless CORS allows ' +
  'them. What the client says besides is ignored.'

export interface StatusSocketParts {
  readonly live: Live
  readonly records: IngressPorts['records']
  readonly credentials: Credentials
}

/** `message`: null for what is not told here. Throws a `Problem` where no socket can be opened. */
export async function serveStatusSocket(
  c: IngressContext,
  { live, records, credentials }: StatusSocketParts,
  interest: Interest,
  message: (change: StatusChange) => Uint8Array | null,
): Promise<Response> {
  requireUpgrade(c)
  let socket: TellingSocket | null = null
  let isOver = false
  let stream: StatusStream | null = null
  // The server ends its sockets itself.
  const release = live.places.take('websocket', () => undefined)
  onConnectionEnd(c, () => {
    isOver = true
    stream?.end()
    release()
  })
  const reader = {
    tell(change: StatusChange) {
      const text = message(change)
      if (text) socket?.push(text)
    },
    missed: () => socket?.close(closeCodes.tryAgain, 'Changes were missed'),
  }
  // Before the answer: what is asked for after it is told.
  stream = await openStatusStream({ changes: live.changes, records, tenant }, interest, reader)
  if (isOver) stream.end()
  const begin = (opened: TellingSocket) => {
    socket = opened
    stream?.begin().catch(() => opened.close(closeCodes.tryAgain, 'The status cannot be read now'))
  }
  return serveSocket(c, begin, { isKey: keyFrom(c, credentials) })
}
