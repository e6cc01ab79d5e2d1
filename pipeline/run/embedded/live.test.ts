/** Live updates of a whole embedded Carillon, by the clients that users have. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { InboxMessage } from '../../../ingress/ports.js'
import { closeAll as closeClients, eventSource, openSocket } from '../../../testing/ingress/live/live-under-test.js'
import { loadConfig } from '../../config/config.js'
import type { Running } from '../running.js'
import { start } from './start.js'

const folder = mkdtempSync(join(tmpdir(), 'carillon-live-'))
const running: Running[] = []
afterEach(async () => {
  await closeClients()
  for (const carillon of running.splice(0)) await carillon.close()
  rmSync(folder, { recursive: true, force: true })
})

async function run(): Promise<string> {
  const carillon = await start(loadConfig({ CARILLON_DATA: folder, CARILLON_PORT: '0', CARILLON_LOG_LEVEL: 'error' }))
  running.push(carillon)
  return carillon.address
}

async function post(address: string, path: string, body: object): Promise<{ id: string }> {
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${address}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`)
  return (await answer.json()) as { id: string }
}

const hello = { to: 'user-42', content: { inapp: { body: 'Hello' } } }
const statusOf = (told: unknown) => (told as { status: string }).status

test('a WebSocket client sees a notification accepted, processing and delivered, in that order', async () => {
  const address = await run()
  const { take } = await openSocket(`${address}/v1/ws?recipient=user-42`)
  const { id } = await post(address, '/v1/notifications', hello)
  const told = await take(3)
  expect(told).toEqual(
    ['accepted', 'processing', 'delivered'].map((status) => ({ id, status, at: expect.any(String) })),
  )
  const late = await openSocket(`${address}/v1/ws?notification=${id}`)
  expect(await late.take(1)).toEqual([told[2]])
})

test('a client of /ws sees a notification of contract C pending, processing and delivered', async () => {
  const address = await run()
  const { take } = await openSocket(`${address}/ws`)
  await post(address, '/v1/notifications', hello)
  const { id } = await post(address, '/api/v1/notifications', {
    ...{ channel: 'email', recipient: 'anna@example.com', content: 'Hello', priority: 'high' },
  })
  const message = (status: string) => ({ notification_id: id, status, timestamp: expect.any(String) })
  expect(await take(3)).toEqual(['pending', 'processing', 'delivered'].map(message))
})

test('a batch that ends in one go is told whole', async () => {
  const address = await run()
  const events = await eventSource(`${address}/v1/events`)
  const to = Array.from({ length: 300 }, (_, number) => `user-${number}`)
  await post(address, '/v1/notifications', { ...hello, to })
  const told = (await events.take(900)).map(({ data }) => data as { id: string; status: string })
  const topics = new Map<string, string[]>()
  for (const { id, status } of told) topics.set(id, [...(topics.get(id) ?? []), status])
  expect([...topics.values()]).toEqual(to.map(() => ['accepted', 'processing', 'delivered']))
})

test('an inbox is told as it fills, and after a restart from where the reader was', async () => {
  const path = '/v1/recipients/user-42/inbox/stream'
  const first = await run()
  const events = await eventSource(`${first}${path}`)
  const sent = await post(first, '/v1/notifications', { ...hello, metadata: { order: 7 } })
  const [message] = await events.take(1)
  expect(message?.data).toMatchObject({ notificationId: sent.id, body: 'Hello', metadata: { order: 7 } })
  const { id: missed } = await post(first, '/v1/notifications', hello)
  await (await fetch(`${first}/v1/notifications/${missed}?wait=10s`)).arrayBuffer()
  await running.pop()?.close()
  const second = await run()
  const again = await eventSource(`${second}${path}`, { 'last-event-id': message?.id ?? '' })
  const { id: next } = await post(second, '/v1/notifications', hello)
  const told = (await again.take(2)).map(({ data }) => (data as InboxMessage).notificationId)
  expect(told).toEqual([missed, next])
})

test('a stream of one notification begins with its status and tells its cancellation', async () => {
  const address = await run()
  const { id } = await post(address, '/v1/notifications', { ...hello, sendAt: '2100-01-01T00:00:00Z' })
  const events = await eventSource(`${address}/v1/events?notification=${id}`)
  const [now] = await events.take(1)
  expect(['accepted', 'scheduled']).toContain(statusOf(now?.data))
  await post(address, `/v1/notifications/${id}/cancel`, {})
  let last = now
  while (statusOf(last?.data) !== 'cancelled') last = (await events.take(1))[0]
  expect(last?.data).toEqual({ id, status: 'cancelled', at: expect.any(String) })
})
