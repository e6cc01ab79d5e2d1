/** The load balancer with its real configuration, before processes on addresses of the loopback that share a port, as
 *  containers do. A DNS server here tells their addresses. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { until } from '../until.js'
import { type Haproxy, haproxyFor } from './haproxy-under-test.js'

/** The compiled file stands in dist/testing/contracts. */
const root = join(import.meta.dirname, '..', '..', '..')
const configuration = join(root, 'ingress', 'load-balancer', 'haproxy.cfg')

/** Where the processes listen. */
export const serverHosts = ['127.0.0.2', '127.0.0.3', '127.0.0.4'] as const

export interface LoadBalancer {
  readonly address: string
  readonly port: number
  /** What it wrote: servers that come and go. */
  log(): string
  /** Resolves when it counts on every server. */
  hasAll(): Promise<void>
  close(): Promise<void>
}

export interface SetUp {
  /** Of all servers. */
  readonly port: number
  /** Of one address. */
  readonly userNotificationsPerMinute?: number
  /** Its time-outs are so many times the usual ones: see `machinePace`. 1 unless said. */
  readonly pace?: number
}

/** HAProxy, or why there is none. */
export const haproxyHere = (): ReturnType<typeof haproxyFor> => haproxyFor(root)

/** Resolves when it answers. */
export async function loadBalancer(
  { command, environment }: Haproxy,
  { port, userNotificationsPerMinute = 1_000_000, pace = 1 }: SetUp,
): Promise<LoadBalancer> {
  const names = await nameServer(serverHosts)
  const [listen, health] = [await freePort('127.0.0.1'), await freePort('127.0.0.1')]
  const child = spawn(command, ['-W', '-db', '-f', configuration], {
    env: {
      ...environment,
      BALANCER_LISTEN: `127.0.0.1:${listen}`,
      BALANCER_HEALTH: `127.0.0.1:${health}`,
      BALANCER_RESOLVER: `127.0.0.1:${names.port}`,
      BALANCER_INGRESS: `ingress.test:${port}`,
      BALANCER_USER_NOTIFICATIONS_PER_MINUTE: String(userNotificationsPerMinute),
      BALANCER_CONNECT_TIMEOUT: `${Math.ceil(1000 * pace)}ms`,
      BALANCER_CHECK_TIMEOUT: `${Math.ceil(2500 * pace)}ms`,
    },
  })
  const lines = linesOf(child)
  const ended = once(child, 'exit')
  const log = () => lines.join('\n')
  await until(
    async () => (await fetch(`http://127.0.0.1:${health}/`).catch(() => null))?.ok === true,
    () => `a load balancer that answers: ${log()}`,
  )
  return {
    address: `http://127.0.0.1:${listen}`,
    port: listen,
    log,
    hasAll: () =>
      until(
        () => serversDown(lines).size === 0,
        () => `all servers: ${log()}`,
      ),
    async close() {
      child.kill('SIGTERM')
      await ended
      names.close()
    },
  }
}

/** Those that it said last were down. */
export function serversDown(log: readonly string[]): ReadonlySet<string> {
  const down = new Set<string>()
  for (const line of log) {
    const [, name = '', state] = /Server (\w+\/ingress\d+) is (UP|DOWN)/.exec(line) ?? []
    if (state === 'DOWN') down.add(name)
    if (state === 'UP') down.delete(name)
  }
  return down
}

/** A port that is free on a host now. */
export async function freePort(host: string): Promise<number> {
  const server = createServer()
  await once(server.listen(0, host), 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address ? address.port : 0
}

function linesOf(child: ChildProcess): readonly string[] {
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) createInterface(stream).on('line', (line) => lines.push(line))
  }
  return lines
}

const typeA = 1
/** Of a DNS message, https://www.rfc-editor.org/rfc/rfc1035#section-4.1.1 */
const headerBytes = 12

/** Answers every question for an address with these. */
async function nameServer(addresses: readonly string[]) {
  const socket = createSocket('udp4')
  socket.on('message', (query, from) => {
    // Labels end with an empty one; the type and the class of the question follow.
    const labelsEnd = query.indexOf(0, headerBytes) + 1
    const question = query.subarray(headerBytes, labelsEnd + 4)
    const isForAddress = query.readUInt16BE(labelsEnd) === typeA
    const answers = isForAddress ? addresses.map(addressRecord) : []
    const header = Buffer.alloc(headerBytes)
    query.copy(header, 0, 0, 2)
    // A response to a question that asked for recursion, and had it.
    header.writeUInt16BE(0x8180, 2)
    header.writeUInt16BE(1, 4)
    header.writeUInt16BE(answers.length, 6)
    socket.send(Buffer.concat([header, question, ...answers]), from.port, from.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return { port: socket.address().port, close: () => socket.close() }
}

/** For the name of the question, for 1 s. */
function addressRecord(address: string): Buffer {
  const start = Buffer.from([0xc0, headerBytes, 0, typeA, 0, 1, 0, 0, 0, 1, 0, 4])
  return Buffer.concat([start, Buffer.from(address.split('.').map(Number))])
}
