import avsc from 'avsc'
import { describe, expect, test } from 'vitest'
import { avroType } from '../../schemas/avro.js'
import { Unavailable } from '../../schemas/errors.js'
import { accepted, cancel, requested } from '../../schemas/outgoing.js'
import { notification } from '../../testing/engine/worker-under-test.js'
import { createCodec, PoisonError } from './codec.js'
import type { LogRecord, NewRecord } from './log.js'
import type { SchemaSource, WriterSchema } from './schema-source.js'

const codec = createCodec()
const event = requested(notification('n-1'))

/** The record as another process reads it: only its bytes tell what it says. */
function read({ topic, key, value, headers, timestampMs }: NewRecord, bytes = value): LogRecord {
  return { topic, key, value: bytes, headers, timestampMs, partition: 0, offset: 0 }
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
  expect([bytes[0], bytes.readUInt32BE(1)]).toEqual([0, 22])
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

test('a string that is not UTF-8 is refused, and one with the replacement character is not', () => {
  const command = { id: 'a\ufffdb', tenant: 't', recipient: 'user', correlationId: '', requestedAtMs: 0 }
  const record = codec.encode(cancel(command, 'notifications.requested', 'low'), 5)
  expect(codec.decode(read(record), ['cancel-requested']).value).toEqual(command)
  const changed = Buffer.from(record.value ?? [])
  changed[changed.indexOf('\ufffd')] = 0xff
  expect(codeOf(() => codec.decode(read(record, changed), ['cancel-requested']))).toBe('not-avro')
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

test('an event goes to the topic and key that it names', () => {
  const command = { id: 'n-1', tenant: 't', recipient: 'user', correlationId: '', requestedAtMs: 0 }
  const { topic, key, timestampMs, headers } = codec.encode(cancel(command, 'deliveries.routed', 'low'), 7)
  expect([topic, Buffer.from(key ?? []).toString(), timestampMs, headers]).toEqual([
    { stream: 'deliveries.routed', lane: 'low', channel: null },
    't/user',
    7,
    {},
  ])
})

describe('with schemas from elsewhere', () => {
  const command = { id: 'n-1', tenant: 't', recipient: 'user', correlationId: 'c', requestedAtMs: 7 }
  const cancelled = cancel(command, 'notifications.requested', 'low')
  const today = avroType('cancel-requested').schema({ exportAttrs: true }) as unknown as {
    readonly fields: readonly object[]
  }
  const own = 300

  /** Knows these, beside today's schema of every event. */
  function sourceOf(schemas: Readonly<Record<number, WriterSchema>>): SchemaSource & { readonly asked: number[][] } {
    const asked: number[][] = []
    return {
      asked,
      idOf: () => own,
      known: (id) => (id === own ? { text: JSON.stringify(today) } : schemas[id]),
      learn: (ids) => {
        asked.push([...ids])
        return null
      },
    }
  }

  /** The command under an id, its bytes followed by others. */
  function framed(id: number, ...more: number[]): LogRecord {
    const whole = Buffer.concat([Buffer.from(codec.encode(cancelled, 5).value ?? []), Buffer.from(more)])
    whole.writeUInt32BE(id, 1)
    return read(codec.encode(cancelled, 5), whole)
  }

  const withField = (field: object) => JSON.stringify({ ...today, fields: [...today.fields, field] })

  test('they are asked for once for each batch, and only where bytes have to be read', () => {
    const source = sourceOf({ 5: { text: JSON.stringify(today) } })
    const reading = createCodec(source)
    const records = [framed(5), framed(own), framed(5), { value: null }, { value: Buffer.of(1, 2) }]
    reading.learn([...records, { ...framed(6), event: cancelled }])
    reading.decode(framed(5), ['cancel-requested'])
    reading.learn(records)
    expect(source.asked).toEqual([[5, own], [own]])
    expect(createCodec().learn(records)).toBe(null)
  })

  test('what a newer writer added is skipped, what an older one lacked has its default', () => {
    const older = { ...today, fields: today.fields.filter((field) => !('name' in field && field.name === 'tenant')) }
    const [id, tenant, ...rest] = today.fields
    expect(tenant).toMatchObject({ name: 'tenant', default: 'default' })
    const source = sourceOf({
      5: { text: withField({ name: 'tags', type: { type: 'array', items: 'string' } }) },
      6: { text: JSON.stringify(older) },
    })
    expect([id, ...rest].length).toBe(older.fields.length)
    const reading = createCodec(source)
    const tagged = framed(5, 4, 2, 97, 2, 98, 0)
    expect(reading.decode(tagged, ['cancel-requested']).value).toEqual(command)
    const { tenant: _, ...withoutTenant } = command
    const writer = avsc.Type.forSchema(older as never, { wrapUnions: false })
    const bytes = Buffer.concat([Buffer.of(0, 0, 0, 0, 6), writer.toBuffer(withoutTenant)])
    expect(reading.decode(read(codec.encode(cancelled, 5), bytes), ['cancel-requested']).value).toEqual({
      ...command,
      tenant: 'default',
    })
  })

  test.each([
    ['more items than there are bytes', { type: 'array', items: 'string' }, [0x80, 0x80, 0x80, 0x80, 0x10]],
    ['a block that ends before it began', { type: 'map', values: 'int' }, [0x01, 0x01, 0x01, 0x01]],
  ] as const)('a field to be skipped that claims %s is refused at once', (_, type, bytes) => {
    const reading = createCodec(sourceOf({ 5: { text: withField({ name: 'more', type }) } }))
    expect(codeOf(() => reading.decode(framed(5, ...bytes), ['cancel-requested']))).toBe('not-avro')
  })

  const odd = (name: string, type: unknown, more = {}) => JSON.stringify({ name, type, ...more })
  const priority = { type: 'enum', name: 'com.acme.Kind', symbols: ['A', 'B'] }

  test.each([
    ['a default of another branch', odd('note', ['null', 'string'], { default: '' }), [2, 2, 97]],
    ['a default of the second branch', odd('note', ['string', 'null'], { default: null }), [2]],
    ['a default of another type', odd('count', 'int', { default: 'none' }), [2]],
    ['a list as the default of a map', odd('map', { type: 'map', values: 'string' }, { default: [] }), [0]],
    ['an enum whose default is no symbol', odd('kind', { ...priority, default: 'C' }, { default: 'D' }), [2]],
    [
      'a wrong default deep inside',
      odd('list', {
        type: 'array',
        items: { type: 'record', name: 'Line', fields: [{ name: 'n', type: 'int', default: null }] },
      }),
      [2, 8, 0],
    ],
    ['an order that is none', odd('count', 'int', { order: 'sideways' }), [2]],
    ['aliases that are no names', odd('count', 'int', { aliases: ['1 2', ''] }), [2]],
    ['a logical type that nobody knows', odd('day', { type: 'int', logicalType: 'moon-phase' }), [2]],
    ['a logical type that does not fit', odd('sum', { type: 'bytes', logicalType: 'decimal', scale: -1 }), [2, 1]],
    ['properties of its own', odd('text', { type: 'string', 'avro.java.string': 'String' }), [2, 97]],
    ['documentation that is no text', odd('count', 'int', { doc: { en: 'x' } }), [2]],
    ['a type inside of a type', odd('list', { type: { type: 'array', items: 'int' } }), [0]],
    ['a type named in a namespace of its own', odd('kind', { ...priority, namespace: 'org.acme' }), [0]],
  ])('a writer with %s is read', (_, field, bytes) => {
    const reading = createCodec(sourceOf({ 5: { text: withField(JSON.parse(field)) } }))
    expect(reading.decode(framed(5, ...bytes), ['cancel-requested']).value).toEqual(command)
  })

  test('a writer whose own defaults are wrong is read, and what it lacks has the reader’s', () => {
    const fields = today.fields.flatMap((field) => {
      const name = 'name' in field ? field.name : ''
      return name === 'tenant' ? [] : [{ ...field, default: { no: 'value' } }]
    })
    const text = JSON.stringify({ ...today, fields, aliases: ['not a name'] })
    const { tenant: _, ...withoutTenant } = command
    const whole = { ...today, fields: fields.map(({ default: _, ...field }) => field) }
    const bytes = avsc.Type.forSchema(whole as never, { wrapUnions: false }).toBuffer(withoutTenant)
    const record = read(codec.encode(cancelled, 5), Buffer.concat([Buffer.of(0, 0, 0, 0, 6), bytes]))
    const decoded = createCodec(sourceOf({ 6: { text } })).decode(record, ['cancel-requested'])
    expect(decoded.value).toEqual({ ...command, tenant: 'default' })
  })

  test('named types match without their namespaces, as Avro has it', () => {
    const inbound = avroType('notification-accepted').schema({ exportAttrs: true })
    const moved = JSON.stringify(inbound).replaceAll('carillon.', 'com.acme.').replace('com.acme.', 'carillon.')
    const record = codec.encode(accepted({ request: event.value, trail: [] }), 5)
    const bytes = Buffer.from(record.value ?? [])
    bytes.writeUInt32BE(7, 1)
    const decoded = createCodec(sourceOf({ 7: { text: moved } })).decode(read(record, bytes), ['notification-accepted'])
    expect(decoded.value).toEqual({ request: event.value, trail: [] })
  })

  const { id: _, ...anonymous } = Object.fromEntries(
    today.fields.map((field) => ['name' in field ? field.name : '', field]),
  )

  test.each<readonly [string, WriterSchema | undefined]>([
    ['unknown-schema', { problem: 'There is none' }],
    ['incompatible-schema', { text: JSON.stringify({ ...today, fields: Object.values(anonymous) }) }],
    ['incompatible-schema', { text: '{"type":"record","name":"carillon.CancelRequested","fields":[{"type":"no"}]}' }],
    ['incompatible-schema', { text: 'syntax = "proto3";' }],
    ['wrong-event', { text: '{"type":"record","name":"other.CancelRequested","fields":[]}' }],
    ['wrong-event', { text: '"string"' }],
    ['wrong-event', { text: JSON.stringify(avroType('dead-letter').schema()) }],
  ])('%s: a schema that cannot be used says so', (code, schema) => {
    const reading = createCodec(sourceOf(schema ? { 5: schema } : {}))
    const twice = [1, 2].map(() => codeOf(() => reading.decode(framed(5), ['cancel-requested'])))
    expect(twice).toEqual([code, code])
  })

  test('a schema that nobody asked for yet is no poison', () => {
    expect(() => createCodec(sourceOf({})).decode(framed(5), ['cancel-requested'])).toThrow(
      new Unavailable('The schema with the id 5 is not known yet'),
    )
  })
})
