import { expect, test } from 'vitest'
import { avroType } from '../../schemas/avro.js'
import { accepted, cancel, requested } from '../../schemas/outgoing.js'
import { createCodec, PoisonError } from './codec.js'
import type { LogRecord, NewRecord } from './log.js'
import { notification } from './worker-under-test.js'

const codec = createCodec()
const event = requested(notification('n-1'))

/** The record as another process reads it: only its bytes tell what it says. */
function read({ way, key, value, headers, timestampMs }: NewRecord, bytes = value): LogRecord {
  return { way, key, value: bytes, headers, timestampMs, partition: 0, offset: 0 }
}

function codeOf(work: () => unknown): unknown {
  try {
    work()
    return null
  } catch (error) {
    return error instanceof PoisonError ? error.code : error
  }
}

const encoded = codec.encode(event, 5)
const bytes = Buffer.from(encoded.value ?? [])

test('an event comes back as it was, from its bytes alone and from memory', () => {
  const expected = { event: 'notification-requested', value: event.value }
  expect(codec.decode(read(encoded), ['cancel-requested', 'notification-requested'])).toEqual(expected)
  const kept = codec.decode({ ...read(encoded), event }, ['notification-requested'])
  expect(kept.value).toBe(event.value)
})

test('bytes begin with a zero, the released id in four bytes, then Avro', () => {
  expect([bytes[0], bytes.readUInt32BE(1)]).toEqual([0, 1])
  expect(avroType('notification-requested').fromBuffer(bytes.subarray(5))).toEqual(event.value)
})

test('what came through memory is still refused where it does not belong', () => {
  const record = { ...read(encoded), event }
  expect(codeOf(() => codec.decode(record, ['notification-status']))).toBe('wrong-event')
})

test.each([
  ['tombstone', null],
  ['not-avro', Buffer.alloc(0)],
  ['not-avro', Buffer.from('{"id":"n-1"}')],
  ['not-avro', bytes.subarray(0, 4)],
  ['truncated', bytes.subarray(0, bytes.length - 1)],
  ['truncated', bytes.subarray(0, 5)],
  ['truncated', Buffer.concat([bytes, Buffer.from([0])])],
  ['unknown-schema', Buffer.concat([Buffer.from([0, 0, 1, 0, 0]), bytes.subarray(5)])],
] as const)('%s: a record that cannot be read says so', (code, value) => {
  expect(codeOf(() => codec.decode(read(encoded, value), ['notification-requested']))).toBe(code)
})

test('of bytes cut or changed anywhere, each is read or refused, and nothing else happens', () => {
  const outcomes = new Set<unknown>()
  const attempt = (value: Buffer) => {
    const outcome = codeOf(() => codec.decode(read(encoded, value), ['notification-requested']))
    outcomes.add(outcome)
  }
  for (let length = 0; length < bytes.length; length++) attempt(bytes.subarray(0, length))
  for (let at = 0; at < bytes.length; at++) {
    for (const flip of [1, 0x40, 0x80, 0xff]) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ flip
      attempt(changed)
    }
  }
  expect([...outcomes].filter((code) => typeof code !== 'string' && code !== null)).toEqual([])
})

test('a count of items that no record could hold is refused at once', () => {
  const { value } = codec.encode(accepted({ request: event.value, trail: [] }), 5)
  const whole = Buffer.from(value ?? [])
  // The trail is last: its block count, zero, becomes 2^31.
  const many = Buffer.from([0x80, 0x80, 0x80, 0x80, 0x10])
  const lying = Buffer.concat([whole.subarray(0, whole.length - 1), many])
  expect(typeof codeOf(() => codec.decode(read(encoded, lying), ['notification-accepted']))).toBe('string')
})

test('a value that does not fit its schema is a fault of the code, not poison', () => {
  const wrong = { ...event, value: { ...event.value, priority: 'urgent' } } as unknown as typeof event
  expect(codeOf(() => codec.encode(wrong, 5))).not.toBeInstanceOf(PoisonError)
  expect(() => codec.encode(wrong, 5)).toThrow('Priority')
})

test('an event goes to the way and key that it names', () => {
  const command = { id: 'n-1', tenant: 't', recipient: 'user', correlationId: '', requestedAtMs: 0 }
  const { way, key, timestampMs, headers } = codec.encode(cancel(command, 'deliveries.routed', 'low'), 7)
  expect([way, Buffer.from(key ?? []).toString(), timestampMs, headers]).toEqual([
    { topic: 'deliveries.routed', lane: 'low', channel: null },
    't/user',
    7,
    {},
  ])
})
