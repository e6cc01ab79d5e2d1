/** What answers like Carillon, and breaks its promises as it is told: so the scripts are seen to notice. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'

export interface Faults {
  /** Accepts, and then nothing comes of it. */
  readonly forgets?: boolean
  /** The numbers of those that it refuses, and whether it tells when to try again. */
  readonly refuses?: { readonly from: number; readonly to: number; readonly retryAfter: boolean }
  /** Before it answers a notification. */
  readonly answerMs?: number
}

export interface FaultyServer {
  readonly address: string
  close(): void
}

export async function faultyServer(faults: Faults): Promise<FaultyServer> {
  const accepted: { readonly id: string; readonly recipient: string }[] = []
  let posted = 0

  const server = createServer((request, response) => void answer(request, response))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost')
    if (request.method === 'POST') return accept(((await json(request)) as { to: string }).to, response)
    const lag = { normal: faults.forgets ? accepted.length : 0 }
    const data = (faults.forgets ? [] : accepted)
      .filter(({ recipient }) => recipient === searchParams.get('recipient'))
      .map(({ id }) => ({
        id,
        status: 'delivered',
        createdAt: '2026-11-21T12:00:00.000Z',
        updatedAt: '2026-11-21T12:00:00.001Z',
      }))
    if (pathname === '/v1/notifications') return send(response, 200, { data, nextCursor: null })
    send(response, 200, pathname === '/v1/flow' ? { stages: [{ lag }] } : {})
  }

  function accept(recipient: string, response: ServerResponse): void {
    const number = posted++
    const { refuses, answerMs = 0 } = faults
    if (refuses && number >= refuses.from && number < refuses.to) {
      send(response, 503, {}, refuses.retryAfter ? { 'retry-after': '1' } : {})
      return
    }
    const id = `notification-${number}`
    accepted.push({ id, recipient })
    setTimeout(() => send(response, 202, { id }), answerMs)
  }
}

function send(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}
