/** Serves the app over HTTP, with WebSockets. */
import { IncomingMessage, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { createAdaptorServer, type WebSocketServerLike } from '@hono/node-server'
import { WebSocketServer } from 'ws'
import { isSocketPath } from './live/live.js'

export interface ServeOptions {
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  /** The variable that sets the port, for the error that names it. */
  readonly portVariable?: string
  /** How long `close` waits for requests in flight, in milliseconds. */
  readonly drainMs?: number
}

/** What is served. */
export interface Served {
  readonly fetch: (request: Request, env: object) => Response | Promise<Response>
  /** Ends what never ends by itself. Called when the server closes. */
  readonly endStreams?: () => void
}

export interface RunningServer {
  /** The real port. */
  readonly port: number
  readonly server: Server
  /** Stops listening, ends idle connections, streams and WebSockets, waits for requests in flight, and cuts off what
   *  takes too long. */
  close(): Promise<void>
}

/** The address cannot be listened on. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
  readonly code = 'listen-failed'
}

const drainDefaultMs = 10_000
/** A request has to have come in whole by then. */
const requestTimeoutMs = 30_000
/** Longer than load balancers keep an idle connection (60 s), so that they are the ones who close it. */
const keepAliveTimeoutMs = 65_000
/** What clients say to a WebSocket is a key at most; whoever says more is closed with 1009. */
const socketMessageBytes = 4 * 1024
/** How long a client may take to answer the end of its WebSocket. */
const socketEndMs = 500
const goingAway = 1001
/** Between two looks for connections that went idle while draining. */
const sweepMs = 50

const hints: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use. Stop what listens there, or choose another port with CARILLON_PORT (0 picks a free one).',
  EACCES: 'may not be listened on. Choose a port above 1023 with CARILLON_PORT.',
  EADDRNOTAVAIL: 'is no address of this machine. Correct CARILLON_HOST.',
  ENOTFOUND: 'is not a known host. Correct CARILLON_HOST.',
}

/** Resolves when listening. Rejects with a `ListenError` that says what to do. */
export async function serveIngress(
  { fetch, endStreams }: Served,
  { host, port, portVariable = 'CARILLON_PORT', drainMs = drainDefaultMs }: ServeOptions,
): Promise<RunningServer> {
  const serverOptions = {
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    IncomingMessage: Incoming,
  }
  const sockets = new WebSocketServer({ noServer: true, maxPayload: socketMessageBytes })
  // The two declare an optional property differently.
  const websocket = { server: sockets as WebSocketServerLike }
  const server = createAdaptorServer({ fetch, hostname: host, serverOptions, websocket }) as Server
  const silent = silentConnections(server, sockets)
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(listenError(error, host, port, portVariable)))
    server.listen(port, host, resolve)
  })
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    server,
    close: async () => {
      endStreams?.()
      const ended = endSockets(sockets)
      await drain(server, silent, drainMs)
      clearTimeout(ended)
    },
  }
}

/** A request that asks for an upgrade to anything but a WebSocket, or where there is none, is served as if it did not: Java's HTTP client asks for
 *  HTTP/2 with each. Node takes every such request out of HTTP as soon as there is one that may be upgraded. */
class Incoming extends IncomingMessage {
  // Declared only: Node's constructor sets it before a field of this class would be made.
  declare private asked: boolean | null

  get upgrade(): boolean | null {
    if (!this.asked || this.method !== 'GET' || this.headers.upgrade?.toLowerCase() !== 'websocket') return false
    return isSocketPath((this.url ?? '').split('?', 1)[0] ?? '')
  }

  set upgrade(asked: boolean | null) {
    this.asked = asked
  }
}

/** Says goodbye to all, and cuts off those that do not answer. */
function endSockets({ clients }: WebSocketServer): NodeJS.Timeout {
  for (const client of clients) client.close(goingAway, 'The server ends')
  return setTimeout(() => {
    for (const client of clients) client.terminate()
  }, socketEndMs)
}

/** Connections that have asked for nothing yet. Node does not count them as idle, and browsers open them in advance. */
function silentConnections(server: Server, sockets: WebSocketServer): ReadonlySet<Socket> {
  const silent = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    silent.add(socket)
    socket.once('close', () => silent.delete(socket))
  })
  server.on('request', ({ socket }) => silent.delete(socket))
  sockets.on('connection', (_, { socket }) => silent.delete(socket))
  return silent
}

async function drain(server: Server, silent: ReadonlySet<Socket>, drainMs: number): Promise<void> {
  const sweep = setInterval(() => server.closeIdleConnections(), sweepMs)
  const cut = setTimeout(() => server.closeAllConnections(), drainMs)
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
    server.closeIdleConnections()
    for (const socket of silent) socket.destroy()
  })
  clearInterval(sweep)
  clearTimeout(cut)
}

function listenError(error: Error, host: string, port: number, portVariable: string): ListenError {
  const code = 'code' in error ? String(error.code) : ''
  const hint = hints[code]?.replace('CARILLON_PORT', portVariable)
  return new ListenError(`${host}:${port} ${hint ?? `cannot be listened on: ${error.message}`}`, {
    cause: error,
  })
}
