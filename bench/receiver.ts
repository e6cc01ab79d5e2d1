/** A webhook receiver that keeps its own count: the witness of a faults run. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { monotonicMs } from './latency.js'

export interface Receiver {
  /** Where it listens, like http://127.0.0.1:41234 */
  readonly address: string
  /** Idempotency key → when each call with it began, on the monotonic clock. */
  readonly calls: ReadonlyMap<string, readonly number[]>
  close(): void
}

/** `random`: how long each answer takes, up to `slowestMs`; so there are always calls under way. */
export async function startReceiver(random: () => number, slowestMs: number): Promise<Receiver> {
  const calls = new Map<string, number[]>()
  const server = createServer((request, response) => {
    const key = String(request.headers['idempotency-key'])
    const known = calls.get(key)
    if (known) known.push(monotonicMs())
    else calls.set(key, [monotonicMs()])
    request.on('error', () => undefined).resume()
    setTimeout(() => response.writeHead(204).end(), random() * slowestMs)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('The receiver has no port')
  return {
    address: `http://127.0.0.1:${address.port}`,
    calls,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
