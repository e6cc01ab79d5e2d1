/** A WebSocket that tells and does not listen, but for the key where one is to come first.
 *
 *  Invariant: what a reader has not taken is bounded. Who falls behind by more is cut off, and may connect again. */
import type { IncomingMessage } from 'node:http'
import { upgradeWebSocket } from '@hono/node-server'
import { WebSocket } from 'ws'
import type { IngressContext } from '../endpoint.js'
import { invalid } from '../problem.js'
import { maxUnreadBytes } from './event-stream.js'

export interface TellingSocket {
  /** Sends at once. Cuts the reader off where it is too far behind. */
  push(message: Uint8Array): void
  close(code: number, reason: string): void
}

export interface SocketOptions {
  /** Whether a key is right; null: none is to come. */
  readonly isKey: ((key: string) => boolean) | null
  /** How long the key may take. */
  readonly keyWithinMs?: number
  readonly pingMs?: number
}

const keyWithinDefaultMs = 5000
/** A socket that has not answered a ping by the next one is gone. */
const pingDefaultMs = 30_000
/** Close codes: https://www.iana.org/assignments/websocket/websocket.xhtml; from 4000 on they are our own. */
export const closeCodes = { goingAway: 1001, tryAgain: 1013, noKey: 4401 } as const

/** Throws a `Problem` where the request does not ask for a WebSocket. */
export function requireUpgrade(c: IngressContext): void {
  const connects = c.req
    .header('connection')
    ?.toLowerCase()
    .split(/\s*,\s*/)
    .includes('upgrade')
  if (connects && c.req.header('upgrade')?.toLowerCase() === 'websocket' && connectionOf(c)) return
  throw invalid([{ path: '', message: 'This address is a WebSocket: connect to it with ws:// or wss://.' }])
}

/** Calls back when the connection has ended, whether or not a WebSocket was made of it. */
export function onConnectionEnd(c: IngressContext, ended: () => void): void {
  const connection = connectionOf(c)
  if (!connection || connection.destroyed) ended()
  else connection.once('close', ended)
}

/** Answers with an upgrade. `begin` is called when it is open and whoever opened it may listen. */
export function serveSocket(
  c: IngressContext,
  begin: (socket: TellingSocket) => void,
  { isKey, keyWithinMs = keyWithinDefaultMs, pingMs = pingDefaultMs }: SocketOptions,
): Promise<Response> {
  let awaitsKey = isKey !== null
  const timers: NodeJS.Timeout[] = []
  onConnectionEnd(c, () => {
    for (const timer of timers) clearInterval(timer)
  })
  return upgradeWebSocket(
    c,
    {
      onOpen(_, { raw }) {
        if (!(raw instanceof WebSocket)) return
        timers.push(pinging(raw, pingMs))
        if (awaitsKey) timers.push(setTimeout(() => refuse(raw), keyWithinMs))
        else begin(telling(raw))
      },
      onMessage({ data }, { raw }) {
        if (!awaitsKey || isKey === null || !(raw instanceof WebSocket)) return
        const key = keyIn(data)
        if (key === null || !isKey(key)) return refuse(raw)
        awaitsKey = false
        begin(telling(raw))
      },
      // What is wrong with its frames closes it; there is nobody to tell.
      onError: () => undefined,
    },
    { onError: () => connectionOf(c)?.destroy() },
  )

  function refuse(socket: WebSocket): void {
    if (awaitsKey) socket.close(closeCodes.noKey, 'Send {"token": "<key>"} first')
  }
}

function telling(socket: WebSocket): TellingSocket {
  return {
    push(message) {
      if (socket.readyState !== WebSocket.OPEN) return
      socket.send(message, { binary: false })
      if (socket.bufferedAmount > maxUnreadBytes) socket.terminate()
    },
    close: (code, reason) => socket.close(code, reason),
  }
}

function pinging(socket: WebSocket, everyMs: number): NodeJS.Timeout {
  let answered = true
  socket.on('pong', () => {
    answered = true
  })
  return setInterval(() => {
    if (!answered) return socket.terminate()
    answered = false
    socket.ping()
  }, everyMs)
}

/** The key that a first message holds; null where it holds none. */
function keyIn(data: unknown): string | null {
  if (typeof data !== 'string') return null
  try {
    const message: unknown = JSON.parse(data)
    const isKeyed = typeof message === 'object' && message !== null && 'token' in message
    return isKeyed && typeof message.token === 'string' ? message.token : null
  } catch {
    return null
  }
}

/** The socket under the request; undefined where there is no connection: in tests without a server. */
function connectionOf({ env }: IngressContext): IncomingMessage['socket'] | undefined {
  return (env as { readonly incoming?: IncomingMessage } | undefined)?.incoming?.socket
}
