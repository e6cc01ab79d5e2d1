import { expect, test } from 'vitest'
import { avroType, decodeAvro, type EventName, encodeAvro } from './avro.js'
import type { Events } from './events.js'
import { type EnumSchema, type RecordSchema, readSources } from './sources.js'
import { streamNames, streams } from './streams.js'

const sources = readSources()
const events = [...new Set(streamNames().flatMap((stream): readonly EventName[] => streams[stream].events))]

/** Null and empty everywhere, or everything there is. */
type Fullness = 'empty' | 'full'

test.each(events)('%s is the same after a way through bytes, empty or full', (event) => {
  const values = [sample(event, 'empty'), sample(event, 'full')]
  expect(values.map((value) => decodeAvro(event, encodeAvro(event, value)))).toEqual(values)
})

test.each(events)('%s takes the defaults of the fields that are not given', (event) => {
  const { fields } = recordNamed(event)
  const optional = fields.filter((field) => 'default' in field)
  const given = Object.fromEntries(
    Object.entries(sample(event, 'full')).filter(([name]) => !optional.some((field) => field.name === name)),
  )
  const decoded = Object.entries(decodeAvro(event, avroType(event).toBuffer(given)))
  const defaults = optional.map((field) => [field.name, 'default' in field ? field.default : undefined])
  expect(Object.fromEntries(decoded)).toEqual({ ...given, ...Object.fromEntries(defaults) })
})

test.each(events)('%s does not decode when a byte is missing or one too many', (event) => {
  const bytes = encodeAvro(event, sample(event, 'full'))
  const lengths = Array.from({ length: bytes.length }, (_, length) => length)
  const decoded = lengths.filter((length) => decodes(event, bytes.subarray(0, length)))
  expect(decoded).toEqual([])
  expect(decodes(event, Buffer.concat([bytes, Buffer.of(0)]))).toBe(false)
})

test.each(events)('%s with a value of a wrong type is not encoded', (event) => {
  const [first] = recordNamed(event).fields
  const wrong = { ...sample(event, 'full'), [first?.name ?? '']: 42.5 }
  expect(() => encodeAvro(event, wrong)).toThrow()
})

test('room is left before the bytes where it is asked for', () => {
  const value = sample('cancel-requested', 'full')
  const bytes = encodeAvro('cancel-requested', value, 5)
  expect(decodeAvro('cancel-requested', bytes.subarray(5))).toEqual(value)
})

test('a value larger than the slab is encoded, and does not change one that was encoded before', () => {
  const small = sample('cancel-requested', 'full')
  const before = encodeAvro('cancel-requested', small)
  const large = { ...sample('notification-requested', 'full'), data: JSON.stringify({ text: 'ü'.repeat(3_000_000) }) }
  expect(decodeAvro('notification-requested', encodeAvro('notification-requested', large))).toEqual(large)
  encodeAvro('cancel-requested', { ...small, id: 'another' })
  expect(decodeAvro('cancel-requested', before)).toEqual(small)
})

test('every record names its tenant, or holds one that does', () => {
  const without = events.filter((event) => {
    const names = recordNamed(event).fields.flatMap(({ name, type }) => [name, String(type)])
    return !names.some((name) => ['tenant', 'NotificationRequested', 'Delivery'].includes(name))
  })
  expect(without).toEqual([])
})

test('every field and every record is documented', () => {
  const undocumented = sources.flatMap(({ name, schema }) => [
    ...(schema.doc ? [] : [name]),
    ...('fields' in schema ? schema.fields.filter(({ doc }) => !doc).map((field) => `${name}.${field.name}`) : []),
  ])
  expect(undocumented).toEqual([])
})

function decodes(event: EventName, bytes: Uint8Array): boolean {
  try {
    decodeAvro(event, bytes)
    return true
  } catch {
    return false
  }
}

function sample<N extends EventName>(event: N, fullness: Fullness): Events[N] {
  return valueFor(recordNamed(event).name, fullness) as Events[N]
}

function recordNamed(event: EventName): RecordSchema {
  const source = sources.find(({ name }) => name === event)
  if (source?.schema.type !== 'record') throw new Error(`${event} is no record`)
  return source.schema
}

/** A value of a type as it stands in a schema file. */
function valueFor(type: unknown, fullness: Fullness): unknown {
  if (Array.isArray(type)) return fullness === 'empty' && type.includes('null') ? null : valueFor(type.at(-1), fullness)
  if (typeof type === 'object' && type !== null) return collectionOf(type, fullness)
  switch (type) {
    case 'string':
      return fullness === 'empty' ? '' : 'Zoë — 🛎'
    case 'boolean':
      return fullness === 'full'
    case 'int':
      return fullness === 'empty' ? 0 : -(2 ** 31)
    case 'long':
      return fullness === 'empty' ? 0 : 1_900_000_000_123
    case 'double':
      return fullness === 'empty' ? 0 : 0.1
    case 'bytes':
      return fullness === 'empty' ? Buffer.alloc(0) : Buffer.of(0, 255, 10)
    default:
      return namedOf(String(type), fullness)
  }
}

function collectionOf(type: object, fullness: Fullness): unknown {
  const { items, values } = type as { items?: unknown; values?: unknown }
  if (items !== undefined) return fullness === 'empty' ? [] : [valueFor(items, 'full'), valueFor(items, 'empty')]
  if (fullness === 'empty') return {}
  return { email: valueFor(values, 'full'), 'a key / with: all': valueFor(values, 'empty') }
}

function namedOf(name: string, fullness: Fullness): unknown {
  const schema: RecordSchema | EnumSchema | undefined = sources.find((source) => source.schema.name === name)?.schema
  if (!schema) throw new Error(`No schema file defines ${name}`)
  if (schema.type === 'enum') return schema.symbols.at(fullness === 'empty' ? 0 : -1)
  return Object.fromEntries(schema.fields.map((field) => [field.name, valueFor(field.type, fullness)]))
}
