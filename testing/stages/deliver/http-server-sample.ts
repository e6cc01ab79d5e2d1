/** A real HTTP server for the tests of the providers. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

export interface SeenRequest {
  readonly method: string | undefined
  readonly path: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface SampleServer {
  readonly port: number
  readonly url: string
  /** Requests whose body has come, in order. */
  readonly seen: readonly SeenRequest[]
  /** Connections ever opened, and the most that were open at once. */
  readonly connections: () => { readonly opened: number; readonly most: number }
}

/** Listens on 127.0.0.1 until the test ends; `answer` is called when a request's body has come. */
export async function httpServer(
  answer: (response: ServerResponse, seen: SeenRequest) => void = (response) => response.end(),
): Promise<SampleServer> {
  const seen: SeenRequest[] = []
  let [opened, open, most] = [0, 0, 0]
  const server = createServer(async (request, response) => {
    const one = await read(request)
    seen.push(one)
    answer(response, one)
  })
  server.on('connection', (socket) => {
    opened += 1
    open += 1
    most = Math.max(most, open)
    socket.once('close', () => {
      open -= 1
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  return { port, url: `http://127.0.0.1:${port}/hook`, seen, connections: () => ({ opened, most }) }
}

async function read(request: IncomingMessage): Promise<SeenRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(Buffer.from(chunk))
  const { method, url, headers } = request
  return { method, path: url, headers, body: Buffer.concat(chunks).toString() }
}
