import { expect, test } from 'vitest'
import type { EventName, EventOf } from '../../schemas/avro.js'
import { request, wayOf } from '../../testing/engine/log-under-test.js'
import { notification } from '../../testing/engine/worker-under-test.js'
import { sampleRequest } from '../../testing/stages/deliver/delivery-sample.js'
import { deadLetterEvents, type GivenUpRecord, maxKeptBytes } from './dead-letters.js'

const record = {
  ...request('low', 'key', 'original bytes', { headers: { traceparent: 'kept' } }),
  topic: wayOf('notifications.accepted', 'low'),
  partition: 3,
  offset: 42,
}

function givenUpOf(event: EventOf<EventName> | null, more: Partial<GivenUpRecord> = {}): GivenUpRecord {
  const recordId = 'notifications.accepted.low-3-42'
  return { recordId, record, cause: 'stage-crash', detail: 'again and again', event, tell: true, ...more }
}

const { delivery } = sampleRequest({ replays: 2 })
const trail = [{ atMs: 1, stage: 'ingress', event: 'accepted', channel: null, reason: null, detail: null }]
const accepted = { event: 'notification-accepted', value: { request: notification('n-1'), trail } } as const

test('the letter holds the record as it stood, where it stood, and why it was given up', () => {
  const [letter, ...others] = deadLetterEvents(givenUpOf(null), 'enrich-template', 7)
  expect(others).toEqual([])
  expect(letter?.value).toEqual({
    id: 'notifications.accepted.low-3-42-enrich-template',
    tenant: 'default',
    atMs: 7,
    stage: 'enrich-template',
    topic: 'notifications.accepted.low',
    partition: 3,
    offset: 42,
    cause: 'stage-crash',
    detail: 'again and again',
    notificationId: null,
    key: record.key,
    value: record.value,
    headers: { traceparent: 'kept' },
    replays: 0,
  })
})

test('the letter of a record that is too large for one says where it stands, and leaves its bytes there', () => {
  const most = maxKeptBytes - Buffer.byteLength('key' + 'traceparent' + 'kept')
  const letters = [most, most + 1].map((length) => {
    const [letter] = deadLetterEvents(
      givenUpOf(null, { record: { ...record, value: Buffer.alloc(length) } }),
      'intake',
      7,
    )
    if (letter?.event !== 'dead-letter') throw new Error('What is given up begins with its letter')
    const { topic, partition, offset, detail, key, value, headers } = letter.value
    return { topic, partition, offset, detail, key, bytes: value?.length, headers }
  })
  const place = { topic: 'notifications.accepted.low', partition: 3, offset: 42 }
  const named = `again and again (Too large to be kept here: ${maxKeptBytes + 1} bytes.)`
  expect(letters).toEqual([
    { ...place, detail: 'again and again', key: record.key, bytes: most, headers: { traceparent: 'kept' } },
    { ...place, detail: named, key: null, bytes: undefined, headers: {} },
  ])
})

test('a notification that is given up ends failed, with its trail and the reason', () => {
  const [letter, ended] = deadLetterEvents(givenUpOf(accepted), 'enrich-template', 7)
  expect(letter?.value).toMatchObject({ notificationId: 'n-1', replays: 0 })
  const entry = { atMs: 7, stage: 'enrich-template', event: 'dead-lettered', channel: null }
  expect(ended?.value).toEqual({
    eventId: 'notifications.accepted.low-3-42-dead',
    notificationId: 'n-1',
    tenant: 'default',
    recipient: 'user',
    atMs: 7,
    status: 'failed',
    duplicateOf: null,
    summary: null,
    deliveries: [],
    trail: [...trail, { ...entry, reason: 'stage-crash', detail: 'again and again' }],
    traceparent: null,
  })
})

test('of a delivery only that delivery ends', () => {
  const [letter, ended] = deadLetterEvents(givenUpOf({ event: 'delivery-routed', value: { delivery } }), 'throttle', 7)
  expect(letter?.value).toMatchObject({ notificationId: delivery.notificationId, replays: 2 })
  expect(ended?.value).toMatchObject({
    notificationId: delivery.notificationId,
    status: null,
    deliveries: [{ id: delivery.id, status: 'failed', final: true, siblings: 1 }],
  })
})

test.each([
  ['whose end the stage has told itself', accepted, { tell: false }],
  [
    'that is a command',
    { event: 'cancel-requested', value: { id: 'n', tenant: 't', recipient: 'r', correlationId: '', requestedAtMs: 0 } },
    {},
  ],
] as const)('a record %s leaves a letter alone', (_, event, more) => {
  expect(deadLetterEvents(givenUpOf(event, more), 'dedupe', 7).map(({ stream }) => stream)).toEqual(['dead-letters'])
})

test('what it says for a person is bounded', () => {
  const [letter] = deadLetterEvents(givenUpOf(null, { detail: 'x'.repeat(5000) }), 'dedupe', 7)
  expect(letter?.value).toMatchObject({ detail: 'x'.repeat(1000) })
})
