import { expect, test } from 'vitest'
import type { EventName, EventOf } from '../../schemas/avro.js'
import { accepted, rendered, requested, routed } from '../../schemas/outgoing.js'
import { notification } from '../../testing/engine/worker-under-test.js'
import { sampleRequest } from '../../testing/stages/deliver/delivery-sample.js'
import { renewal } from './renewal.js'

const letter = { id: 'letter', tenant: 'default', notificationId: 'n-1' }
const request = { ...notification('n-1'), replays: 1 }
const renewed = { ...request, nonce: 'letter', replays: 2 }
const named = { notificationId: 'n-1', tenant: 'default', recipient: 'user' }

test('a notification goes back to the topic it stood in, under a nonce that no twin has', () => {
  const at = <N extends EventName>(event: EventOf<N>) => renewal(letter, event as EventOf<EventName>)
  expect(at({ event: 'notification-requested', value: request })).toEqual({
    again: requested(renewed),
    notification: named,
  })
  expect(at({ event: 'notification-accepted', value: { request, trail: [] } })).toEqual({
    again: accepted({ request: renewed, trail: [] }),
    notification: named,
  })
  const value = {
    request,
    trail: [],
    locale: 'en',
    candidates: [],
  } as unknown as EventOf<'notification-rendered'>['value']
  expect(at({ event: 'notification-rendered', value })).toEqual({
    again: rendered({ ...value, request: renewed }),
    notification: named,
  })
})

test.each([
  ['n-1.email', 0, 'n-1.email.r1'],
  ['n-1.email.r1', 1, 'n-1.email.r2'],
])('a delivery goes back to throttle as a new one, with no call behind it: %s', (id, replays, next) => {
  const attempt = { number: 1, atMs: 1, outcome: 'permanent', error: 'refused', messageId: null, latencyMs: 2 }
  const used = { attempts: [attempt], deferrals: 3, notBeforeMs: 9, triedFromMs: 8 }
  const { delivery } = sampleRequest({ id, replays, notificationId: 'n-1', ...used })
  const { tenant, recipient } = delivery
  const firstDelivery = {
    ...delivery,
    id: next,
    replays: replays + 1,
    attempts: [],
    deferrals: 0,
    notBeforeMs: null,
    triedFromMs: null,
  }
  const expected = { again: routed(firstDelivery), notification: { notificationId: 'n-1', tenant, recipient } }
  expect(renewal(letter, { event: 'delivery-routed', value: { delivery } })).toEqual(expected)
  expect(renewal(letter, { event: 'delivery-released', value: { delivery, releasedAtMs: 5 } })).toEqual(expected)
})

test('an upstream’s event goes back before intake under its notification’s id', () => {
  const to = { id: 'user', email: null, phone: null, device: null, webhook: null, slack: null }
  const value = {
    ...{ id: null, eventId: 'e-1', tenant: 'other', to, channels: null, template: null, content: null, data: '{}' },
    ...{
      priority: 'normal',
      sendAt: null,
      expiresAt: null,
      retry: null,
      dedupe: null,
      metadata: '{}',
      correlationId: null,
    },
    replays: 0,
  }
  const found = renewal(letter, { event: 'notification-inbound', value })
  expect(found?.again.value).toEqual({ ...value, id: 'n-1', replays: 1 })
  expect([found?.again.stream, found?.notification]).toEqual(['notifications.inbound', { ...named, recipient: '' }])
  expect(renewal({ ...letter, notificationId: null }, { event: 'notification-inbound', value })).toBeNull()
})

test('a command, and what tells of others, is not put back', () => {
  const cancel = { id: 'n-1', tenant: 'default', recipient: 'user', correlationId: '', requestedAtMs: 1 }
  expect(renewal(letter, { event: 'cancel-requested', value: cancel })).toBeNull()
  const ask = { letterId: 'l', notificationId: null, tenant: 'default', correlationId: '', requestedAtMs: 1 }
  expect(renewal(letter, { event: 'replay-requested', value: ask })).toBeNull()
})
