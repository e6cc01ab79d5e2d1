/** A TCP way to a server, which a test blocks and breaks. */
import { createServer, connect as dial, type Server, type Socket } from 'node:net'

export interface Topic {
  readonly address: string
  pass(): Promise<void>
  /** Nothing listens. */
  refuse(): Promise<void>
  /** What is sent is not carried. */
  stall(): void
  /** Carries the next such command, and breaks the connection instead of its answer. */
  loseAnswerTo(command: string): void
  close(): Promise<void>
}

export async function topicOf(address: string): Promise<Topic> {
  const [host = '', port = ''] = address.split(':')
  const sockets = new Set<Socket>()
  let stalled = false
  let lost: string | null = null
  const server: Server = createServer((client) => {
    const upstream = dial(Number(port), host)
    let losing = false
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.on('data', (bytes) => {
      if (stalled) return
      if (lost !== null && bytes.includes(`\u0002${lost}\u0000`)) [losing, lost] = [true, null]
      upstream.write(bytes)
    })
    upstream.on('data', (bytes) => {
      if (losing) client.destroy()
      else if (!stalled) client.write(bytes)
    })
  })
  const listen = (at: number) =>
    new Promise<void>((resolve, reject) => server.once('error', reject).listen(at, '127.0.0.1', resolve))
  await listen(0)
  const bound = server.address()
  const own = typeof bound === 'object' && bound ? bound.port : 0
  const refuse = async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
  }
  return {
    address: `127.0.0.1:${own}`,
    async pass() {
      if (stalled) for (const socket of sockets) socket.destroy()
      stalled = false
      if (!server.listening) await listen(own)
    },
    refuse,
    stall() {
      stalled = true
    },
    loseAnswerTo(command) {
      lost = command
    },
    async close() {
      if (server.listening) await refuse()
    },
  }
}
