import { afterEach, expect, test } from 'vitest'
import { closeAll, eventSource, openSocket, serveLive } from '../testing/ingress/live/live-under-test.js'
import type { IngressObserver } from './observer.js'

afterEach(closeAll)

/** A served app, and what it told. */
async function serve() {
  const told: string[] = []
  const counts = { requests: 0, events: 0, websocket: 0, inbox: 0 }
  const observer: IngressObserver = {
    requests: (change) => {
      counts.requests += change
    },
    accepted: (notifications) =>
      told.push(`accepted ${notifications.map(({ priority, origin }) => `${priority} ${origin}`).join(', ')}`),
    replayed: (origin) => told.push(`replayed ${origin}`),
    watchers: (kind, change) => {
      counts[kind] += change
    },
  }
  const served = await serveLive({}, (ports) => ({ ...ports, observer }))
  const post = async (path: string, body: object, headers = {}) => {
    const json = { 'content-type': 'application/json', ...headers }
    const answer = await fetch(`${served.url}${path}`, { method: 'POST', headers: json, body: JSON.stringify(body) })
    await answer.arrayBuffer()
    return answer.status
  }
  return { ...served, told, counts, post }
}

const hello = { to: 'u', content: { body: 'Hello' } }

test('what is accepted is told, whatever contract it comes by, and one by one in a batch', async () => {
  const { told, post } = await serve()
  const notifications = [hello, { ...hello, priority: 'high' }, { to: 7 }]
  const ofC = { channel: 'email', recipient: 'a@example.com', content: 'Hello', priority: 'low' }
  const statuses = [
    await post('/v1/notifications', hello),
    await post('/v1/notifications', { ...hello, to: ['u', 'v'] }),
    await post('/v1/notifications/batch', { notifications }),
    await post('/user/notification', { user_id: [1], type: 'inapp', description: 'Hello' }),
    await post('/api/v1/notifications', ofC),
    await post('/v1/notifications', { to: 'u' }),
  ]
  expect(statuses).toEqual([202, 202, 202, 200, 201, 400])
  expect(told).toEqual([
    'accepted normal native',
    'accepted normal native, normal native',
    'accepted normal native, high native',
    'accepted normal b',
    'accepted low c',
  ])
})

test('a repeat is told as one, and nothing is accepted by it', async () => {
  const { told, post } = await serve()
  const key = { 'idempotency-key': 'k' }
  const twin = { user_id: [1], type: 'inapp', description: 'Hello' }
  await post('/v1/notifications', hello, key)
  await post('/v1/notifications', hello, key)
  expect(await post('/v1/notifications', { ...hello, to: 'v' }, key)).toBe(422)
  await post('/user/notification', twin)
  await post('/user/notification', twin)
  expect(told).toEqual(['accepted normal native', 'replayed native', 'accepted normal b', 'replayed b'])
})

test('what could not be made durable is not accepted, and its request is over', async () => {
  const { fake, told, counts, post } = await serve()
  fake.failure = new Error('broken')
  expect([await post('/v1/notifications', hello), told, counts.requests]).toEqual([500, [], 0])
})

test('streams and sockets are counted while they are open, and are no requests under way', async () => {
  const { url, counts, server } = await serve()
  const socket = await openSocket(`${url.replace('http', 'ws')}/v1/ws`)
  await eventSource(`${url}/v1/events`)
  await eventSource(`${url}/v1/recipients/u/inbox/stream`)
  expect(counts).toEqual({ requests: 0, events: 1, websocket: 1, inbox: 1 })
  socket.socket.terminate()
  await server.close()
  expect(counts).toEqual({ requests: 0, events: 0, websocket: 0, inbox: 0 })
})
