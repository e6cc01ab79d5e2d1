import { OpenAPIHono } from '@hono/zod-openapi'
import { afterEach, expect, it } from 'vitest'
import { openSocket } from '../../testing/ingress/live/live-under-test.js'
import type { IngressEnvironment } from '../endpoint.js'
import { type RunningServer, serveIngress } from '../server.js'
import { type SocketOptions, serveSocket } from './web-socket.js'

const host = '127.0.0.1'
const running: RunningServer[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()))
})

async function serve(options: SocketOptions): Promise<string> {
  const app = new OpenAPIHono<IngressEnvironment>()
  app.get('/ws', (c) => serveSocket(c, () => undefined, options))
  const server = await serveIngress(app, { host, port: 0 })
  running.push(server)
  return `http://${host}:${server.port}/ws`
}

it('a socket whose key does not come in time is closed with 4401', async () => {
  const { closed } = await openSocket(await serve({ isKey: () => true, keyWithinMs: 1 }))
  expect(await closed).toBe(4401)
})

it('a socket that does not answer pings is cut off, and one that does is kept', async () => {
  // Long enough for an answer on a machine that others work on: the one that is kept has to give it in time.
  const url = await serve({ isKey: null, pingMs: 3000 })
  const kept = await openSocket(url)
  const { closed } = await openSocket(url, { autoPong: false })
  expect(await closed).toBe(1006)
  expect(kept.socket.readyState).toBe(1)
})
