import { afterEach, expect, test } from 'vitest'
import type { KnownRecipient } from '../../../schemas/template.js'
import type { SendRequest, SendResult } from '../../../stages/deliver/providers/provider.js'
import { closeAll, notificationOf, run } from '../../../testing/run/embedded/engine-sample.js'

afterEach(closeAll)

const times = { createdAt: '2030-01-01T00:00:00Z', updatedAt: '2030-01-01T00:00:00Z' }
const anna: KnownRecipient = { id: 'anna', devices: ['phone', 'tablet'], ...times }
/** The first 16 hex digits of each device's SHA-256. */
const [phone, tablet] = ['45569da57f4b7bf4', '5bed85bd69a5502a']
const push = (changes: object = {}) => notificationOf({ recipient: 'anna', channels: ['push'], ...changes })

/** An engine that knows Anna, and the devices that were called with their keys. */
async function runWithDevices(answer: (request: SendRequest) => SendResult = () => ({ outcome: 'sent' })) {
  const called: [string, string][] = []
  const one = await run(undefined, {
    answer: (request) => {
      called.push([request.delivery.address, request.key])
      return answer(request)
    },
  })
  await one.engine.putRecipient('default', anna)
  return { one, called }
}

test('every device of a recipient gets its push under a key of its own, once', async () => {
  const { one, called } = await runWithDevices()
  const notification = push()
  const { id } = notification
  await one.accept([notification])
  await one.accept([notification])
  const { status, channels, deliveries } = await one.ended(id)
  expect([status, channels, deliveries.map((delivery) => [delivery.id, delivery.channel, delivery.status])]).toEqual([
    'sent',
    ['push'],
    [
      [`${id}.push.${phone}`, 'push', 'sent'],
      [`${id}.push.${tablet}`, 'push', 'sent'],
    ],
  ])
  const last = push()
  await one.accept([last])
  await one.ended(last.id)
  expect(called.slice(0, 2).sort()).toEqual([
    ['phone', `${id}.push.${phone}`],
    ['tablet', `${id}.push.${tablet}`],
  ])
  expect(called.length).toBe(4)
})

test('a dead device takes nothing from the other one, and is tried alone when its dead letter is replayed', async () => {
  let isDead = true
  const { one, called } = await runWithDevices(({ delivery }) =>
    isDead && delivery.address === 'phone' ? { outcome: 'permanent', error: 'gone' } : { outcome: 'sent' },
  )
  const notification = push()
  const { id } = notification
  await one.accept([notification])
  const record = await one.ended(id)
  expect([record.status, record.deliveries.map(({ status }) => status)]).toEqual(['sent', ['failed', 'sent']])
  await one.until(async () => (await one.deadLetters()).length === 1)
  isDead = false
  const [letter] = await one.deadLetters()
  expect(await one.replay(letter?.record.id ?? '')).toBe('replayed')
  await one.until(() => called.length === 3)
  expect(called[2]).toEqual(['phone', `${id}.push.${phone}.r1`])
})

test('a cancel ends the pushes to all devices', async () => {
  const { one } = await runWithDevices(() => ({ outcome: 'rate-limited', error: 'busy', retryAfterMs: 60_000 }))
  const notification = push()
  const { id, recipient } = notification
  await one.accept([notification])
  await one.until(async () => (await one.record(id))?.deliveries.length === 2)
  const command = { id, tenant: 'default', recipient, correlationId: '', requestedAtMs: Date.now() }
  await one.engine.cancel(command, 'normal')
  const { status, deliveries } = await one.ended(id)
  expect([status, deliveries.map((delivery) => delivery.status)]).toEqual(['cancelled', ['cancelled', 'cancelled']])
})
