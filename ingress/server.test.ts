import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { createFakePorts, fakeOptions } from '../testing/ingress/ports-fake.js'
import { createApp } from './app.js'
import { type RunningServer, serveIngress } from './server.js'

const host = '127.0.0.1'
const running: RunningServer[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()))
})

async function serve(options: { drainMs?: number } = {}) {
  const fake = createFakePorts()
  const server = await serveIngress(createApp(fake, fakeOptions), { host, port: 0, ...options })
  running.push(server)
  return { fake, server, url: `http://${host}:${server.port}` }
}

const json = { 'content-type': 'application/json' }
const hello = JSON.stringify({ to: 'a', content: { body: 'x' } })

describe('serveIngress', () => {
  it('tells the port it picked and answers there', async () => {
    const { url } = await serve()
    const response = await fetch(`${url}/v1/notifications`, { method: 'POST', headers: json, body: hello })
    expect(response.status).toBe(202)
    expect(response.headers.get('x-correlation-id')).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('says in one line what to do about a port in use', async () => {
    const { server } = await serve()
    await expect(
      serveIngress(createApp(createFakePorts(), fakeOptions), { host, port: server.port }),
    ).rejects.toMatchObject({
      code: 'listen-failed',
      message: `127.0.0.1:${server.port} is in use. Stop what listens there, or choose another port with CARILLON_PORT (0 picks a free one).`,
    })
  })

  it('answers 413 to a body over the limit, declared or streamed, and goes on', async () => {
    const { url } = await serve()
    const body = JSON.stringify({ to: 'a', content: { body: 'x'.repeat(1024 * 1024) } })
    const declared = await fetch(`${url}/v1/notifications`, { method: 'POST', headers: json, body })
    expect(declared.status).toBe(413)
    const stream = new Blob([body]).stream()
    const streamed = await fetch(`${url}/v1/notifications`, {
      method: 'POST',
      headers: json,
      body: stream,
      duplex: 'half',
    } as RequestInit)
    expect(streamed.status).toBe(413)
    const chunked = { method: 'POST', headers: json, body: new Blob([hello]).stream(), duplex: 'half' } as RequestInit
    expect((await fetch(`${url}/v1/notifications`, chunked)).status).toBe(202)
  })

  it('lets requests in flight end when it closes, and ends idle connections', async () => {
    const { url, server, fake } = await serve()
    const idle = connect(server.port, host)
    await once(idle, 'connect')
    idle.write(`GET /health/live HTTP/1.1\r\nhost: ${host}\r\n\r\n`)
    await once(idle, 'data')
    const silent = connect(server.port, host)
    await once(silent, 'connect')
    const sent = await fetch(`${url}/v1/notifications`, { method: 'POST', headers: json, body: hello })
    const { id } = (await sent.json()) as { id: string }
    const inFlight = fetch(`${url}/v1/notifications/${id}?wait=60s`)
    while (fake.watchers === 0) await new Promise((resolve) => setImmediate(resolve))
    const gone = Promise.all([once(idle, 'close'), once(silent, 'close')])
    const closed = server.close()
    await gone
    fake.record(id, { status: 'sent' })
    expect(await (await inFlight).json()).toMatchObject({ id, status: 'sent' })
    await closed
    await expect(fetch(`${url}/health/live`)).rejects.toThrow()
  })

  it('cuts off what does not end within the bound', async () => {
    const { url, server, fake } = await serve({ drainMs: 20 })
    const sent = await fetch(`${url}/v1/notifications`, { method: 'POST', headers: json, body: hello })
    const { id } = (await sent.json()) as { id: string }
    const inFlight = fetch(`${url}/v1/notifications/${id}?wait=60s`)
    const cut = expect(inFlight).rejects.toThrow()
    while (fake.watchers === 0) await new Promise((resolve) => setImmediate(resolve))
    await server.close()
    await cut
  })

  it('stops waiting for a record when the caller is gone', async () => {
    const { url, fake } = await serve()
    const sent = await fetch(`${url}/v1/notifications`, { method: 'POST', headers: json, body: hello })
    const { id } = (await sent.json()) as { id: string }
    const gone = new AbortController()
    const waiting = fetch(`${url}/v1/notifications/${id}?wait=60s`, { signal: gone.signal })
    while (fake.watchers === 0) await new Promise((resolve) => setImmediate(resolve))
    gone.abort()
    await expect(waiting).rejects.toThrow()
    while (fake.watchers > 0) await new Promise((resolve) => setImmediate(resolve))
  })
})
