/** A provider that answers as the message itself asks: `#429` in it gets that status, `#slow` takes a second. What comes to
 *  /ill is refused for as long as it is ill. It takes no traces. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const slowMs = 1000
const usuallyMs = 20

export interface LoadProvider {
  readonly url: string
  isIll: boolean
  close(): void
}

export async function startProvider(): Promise<LoadProvider> {
  const health = { isIll: false }
  const server = createServer((request, response) => {
    answer(request, response, health).catch(() => response.destroy())
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return Object.assign(health, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.close()
      server.closeAllConnections()
    },
  })
}

async function answer(request: IncomingMessage, response: ServerResponse, health: { isIll: boolean }): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(Buffer.from(chunk))
  const body = Buffer.concat(chunks).toString()
  await sleep(body.includes('#slow') ? slowMs : usuallyMs)
  const status = statusOf(request.url, health.isIll) ?? Number(/#(\d{3})/.exec(body)?.[1] ?? 200)
  response.writeHead(status, status === 429 ? { 'retry-after': '1' } : {}).end('{}')
}

/** Null: what the message asks. */
function statusOf(path: string | undefined, isIll: boolean): number | null {
  if (path === '/v1/traces') return 400
  return isIll && path === '/ill' ? 500 : null
}
