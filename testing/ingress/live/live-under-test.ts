/** A served app whose changes a test tells, and clients as users have them. */
import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { createApp } from '../../../ingress/app.js'
import type { IngressOptions } from '../../../ingress/options.js'
import type { IngressPorts } from '../../../ingress/ports.js'
import { type RunningServer, serveIngress } from '../../../ingress/server.js'
import type { Change } from '../../../schemas/record.js'
import { createFakePorts, fakeOptions } from '../ports-fake.js'

const host = '127.0.0.1'
const running: RunningServer[] = []
const clients: (() => void)[] = []

/** Ends what was started since. */
export async function closeAll(): Promise<void> {
  for (const end of clients.splice(0)) end()
  await Promise.all(running.splice(0).map((server) => server.close()))
}

export async function serveLive(
  options: Partial<IngressOptions> = {},
  adapt: (ports: IngressPorts) => IngressPorts = (ports) => ports,
) {
  const fake = createFakePorts()
  const watchers = new Set<(change: Change) => void>()
  const watch: IngressPorts['records']['watch'] = (onChange, onReady) => {
    watchers.add(onChange)
    onReady?.()
    return () => watchers.delete(onChange)
  }
  const ports = adapt({ ...fake, records: { ...fake.records, watch } })
  const server = await serveIngress(createApp(ports, { ...fakeOptions, ...options }), { host, port: 0 })
  running.push(server)
  return {
    fake,
    server,
    port: server.port,
    url: `http://${host}:${server.port}`,
    isWatched: () => watchers.size > 0,
    /** Resolves when nobody watches any more. */
    unwatched: async () => {
      while (watchers.size > 0) await turn()
    },
    tell: (change: Partial<Change>) => {
      for (const watcher of watchers) watcher(changeOf(change))
    },
  }
}

/** Of n-1 of user-42, processing now. */
export function changeOf(change: Partial<Change> = {}): Change {
  const usual = { id: 'n-1', recipient: 'user-42', origin: 'native', status: 'processing' } as const
  return { ...usual, inbox: false, waitsAgain: false, at: '2030-01-01T00:00:01.000Z', ...change }
}

/** Events as a browser would take them apart; comments too. */
export interface SentEvent {
  readonly event?: string
  readonly id?: string
  readonly data?: unknown
  readonly retry?: string
  readonly comment?: string
}

/** A stream, once its answer has begun. */
export async function eventSource(url: string, headers: Readonly<Record<string, string>> = {}) {
  const gone = new AbortController()
  clients.push(() => gone.abort())
  const response = await fetch(url, { headers, signal: gone.signal })
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  const next = async (): Promise<SentEvent | null> => {
    for (let end = text.indexOf('\n\n'); ; end = text.indexOf('\n\n')) {
      if (end >= 0) {
        const block = text.slice(0, end)
        text = text.slice(end + 2)
        return eventOf(block)
      }
      const read = await reader?.read()
      if (!read || read.done) return null
      text += read.value
    }
  }
  return {
    response,
    /** The next event or comment; null when the stream has ended. */
    next,
    /** The next events, with what begins the stream left out. */
    async take(count: number): Promise<SentEvent[]> {
      const events: SentEvent[] = []
      while (events.length < count) {
        const event = await next()
        if (!event) throw new Error('The stream ended')
        if (event.event !== undefined || event.comment !== undefined) events.push(event)
      }
      return events
    },
    leave: () => gone.abort(),
  }
}

function eventOf(block: string): SentEvent {
  const fields = block.split('\n').map((line): [string, string] => {
    const at = line.indexOf(':')
    return [line.slice(0, at) || 'comment', line.slice(at + 1).trimStart()]
  })
  const { data, ...rest } = Object.fromEntries(fields) as Record<string, string>
  return { ...rest, ...(data !== undefined && { data: JSON.parse(data) }) }
}

/** A WebSocket that is open, what it was told so far, and how it ended. */
export async function openSocket(url: string, options: object = {}) {
  const { socket, refused } = connect(url, options)
  const messages: unknown[] = []
  const waiting = new Set<() => void>()
  socket.on('message', (data) => {
    messages.push(JSON.parse(String(data)))
    for (const wake of waiting) wake()
  })
  const closed = new Promise<number>((resolve) => socket.once('close', resolve))
  await Promise.race([once(socket, 'open'), refused.then((status) => Promise.reject(new Error(`Refused: ${status}`)))])
  return {
    socket,
    messages,
    /** Its close code. */
    closed,
    async take(count: number): Promise<unknown[]> {
      while (messages.length < count) {
        await new Promise<void>((resolve) => waiting.add(resolve))
        waiting.clear()
      }
      return messages.splice(0, count)
    },
  }
}

/** The status that an upgrade is refused with. */
export function refusedWith(url: string, options: object = {}): Promise<number> {
  return connect(url, options).refused
}

function connect(url: string, options: object) {
  const socket = new WebSocket(url.replace(/^http/, 'ws'), options)
  clients.push(() => socket.terminate())
  socket.on('error', () => undefined)
  const refused = new Promise<number>((resolve) => {
    socket.once('unexpected-response', (_, { statusCode = 0 }) => resolve(statusCode))
  })
  return { socket, refused }
}
