/** Events to bytes and back, in the Confluent wire format: a zero byte, the schema's id in four bytes, Avro.
 *  https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/#wire-format
 *
 *  Without a registry the ids are those of schemas/released. An older or newer schema is read through a cached
 *  resolver, by Avro's rules of resolution. */
import avsc from 'avsc'
import { avroType, type EventName, type EventOf, encodeAvro } from '../../schemas/avro.js'
import { boundedTypes } from '../../schemas/bounded-types.js'
import { Unavailable } from '../../schemas/errors.js'
import type { Outgoing } from '../../schemas/outgoing.js'
import { streamEvents, topicOf } from '../../schemas/streams.js'
import { writerForm } from '../../schemas/writer-schema.js'
import type { LogRecord, NewRecord } from './log.js'
import { releasedSchemas, type SchemaSource } from './schema-source.js'
import { isSampled, traceHeader, traceOf } from './trace-context.js'

/** The bytes cannot be read, now or later: the record belongs among the dead letters. */
export class PoisonError extends Error {
  override readonly name = 'PoisonError'
  constructor(
    /** Stable code in kebab case. */
    readonly code: 'not-avro' | 'unknown-schema' | 'incompatible-schema' | 'wrong-event' | 'truncated' | 'tombstone',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

export interface Codec {
  /** Throws where the value does not fit its schema: a fault of the code. */
  encode(outgoing: Outgoing, timestampMs: number): NewRecord
  /** Asks for the schemas of records that `decode` could not read yet, and does not judge those that nobody can.
   *  Null, nearly always: there is nothing to ask. Rejects with `Unavailable` while there is nobody to answer. */
  learn(records: readonly Pick<LogRecord, 'value' | 'event'>[]): Promise<void> | null
  /** Throws `PoisonError`; and `Unavailable` for a schema that was to be learnt first.
   *  `expected`: the events that may stand on the record's topic. */
  decode<N extends EventName>(record: LogRecord, expected: readonly N[]): EventOf<N>
}

const headerBytes = 5
const noHeaders: Readonly<Record<string, string>> = Object.freeze({})
/** Writers' schemas that are held ready; beyond it the oldest is parsed again when it comes. */
const maxReaders = 1000

/** A trace that is recorded is told to readers outside as well. Carillon's own stages go by the event. */
function headersOf(outgoing: Outgoing): Readonly<Record<string, string>> {
  const traceparent = traceOf(outgoing)
  return traceparent !== null && isSampled(traceparent) ? { [traceHeader]: traceparent } : noHeaders
}

interface Reader {
  readonly event: EventName
  readonly type: avsc.Type
  readonly resolver: unknown
}

/** A codec on the released schemas, or on those of a registry. */
export function createCodec(source: SchemaSource = releasedSchemas()): Codec {
  /** What cannot be read stays so: a schema never changes. */
  const readers = new Map<number, Reader | PoisonError>()

  return {
    encode: (outgoing, timestampMs) => encoded(outgoing, timestampMs, source.idOf(outgoing.event)),
    learn(records) {
      if (!source.learn) return null
      let ids: Set<number> | null = null
      for (const { value, event } of records) {
        if (event !== undefined || value === null || !isFramed(value)) continue
        const id = idIn(value)
        if (!readers.has(id)) ids = (ids ?? new Set()).add(id)
      }
      return ids && source.learn(ids)
    },
    decode<N extends EventName>(record: LogRecord, expected: readonly N[]) {
      const { value, event: known } = record
      if (known !== undefined && (expected as readonly EventName[]).includes(known.event)) return known as EventOf<N>
      if (value === null) throw new PoisonError('tombstone', 'The record has no value')
      if (!isFramed(value)) {
        throw new PoisonError('not-avro', 'The record does not begin with the Confluent wire format’s zero byte and id')
      }
      const id = idIn(value)
      const reader = readers.get(id) ?? open(id)
      if (reader instanceof PoisonError) throw reader
      const event = expected.find((name) => name === reader.event)
      if (event === undefined) {
        throw new PoisonError('wrong-event', `A record of ${reader.event} does not belong on ${record.topic.stream}`)
      }
      return { event, value: read(reader, Buffer.from(value.buffer, value.byteOffset, value.byteLength)) } as EventOf<N>
    },
  }

  function open(id: number): Reader | PoisonError {
    const schema = source.known(id)
    if (schema === undefined) throw new Unavailable(`The schema with the id ${id} is not known yet`)
    // Not kept: what has no schema now may get one.
    if ('problem' in schema) return new PoisonError('unknown-schema', schema.problem)
    const reader = readerOf(id, schema.text, source)
    const oldest = readers.keys().next()
    if (readers.size >= maxReaders && !oldest.done) readers.delete(oldest.value)
    readers.set(id, reader)
    return reader
  }
}

const eventsByRecord = new Map(streamEvents().map((event) => [avroType(event).name, event as EventName]))
const maxDetail = 300

function encoded(outgoing: Outgoing, timestampMs: number, schemaId: number): NewRecord {
  const { stream, lane, channel, key, event, value } = outgoing
  if (outgoing.tombstone) {
    return { topic: topicOf(stream, lane, channel), key: Buffer.from(key), value: null, headers: {}, timestampMs }
  }
  const bytes = encodeAvro(event, value, headerBytes)
  bytes[0] = 0
  bytes.writeUInt32BE(schemaId, 1)
  const topic = topicOf(stream, lane, channel)
  return { topic, key: Buffer.from(key), value: bytes, headers: headersOf(outgoing), timestampMs, event: outgoing }
}

function readerOf(id: number, text: string, source: SchemaSource): Reader | PoisonError {
  try {
    const schema = writerForm(JSON.parse(text)) as avsc.Schema
    const writer = avsc.Type.forSchema(schema, { wrapUnions: 'auto', typeHook: boundedTypes })
    const event = eventsByRecord.get(writer.name)
    if (event === undefined) {
      return new PoisonError('wrong-event', `The schema with the id ${id} is none of an event of Carillon`)
    }
    const type = avroType(event)
    // Names of types match without their namespaces: https://avro.apache.org/docs/1.11.1/specification/#schema-resolution
    const resolver = id === source.idOf(event) ? undefined : type.createResolver(writer, { ignoreNamespaces: true })
    return { event, type, resolver }
  } catch (error) {
    const why = error instanceof Error ? error.message.slice(0, maxDetail) : ''
    return new PoisonError('incompatible-schema', `What the schema with the id ${id} wrote cannot be read: ${why}`)
  }
}

function isFramed(value: Uint8Array): boolean {
  return value.length >= headerBytes && value[0] === 0
}

function idIn(value: Uint8Array): number {
  const { 1: a = 0, 2: b = 0, 3: c = 0, 4: d = 0 } = value
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0
}

function read({ type, resolver, event }: Reader, bytes: Buffer): unknown {
  try {
    const { value, offset } = type.decode(bytes, headerBytes, resolver as never)
    if (offset === bytes.length) return value
  } catch (error) {
    throw new PoisonError('not-avro', `The bytes are no ${event}`, { cause: error })
  }
  throw new PoisonError('truncated', `The bytes of this ${event} end too early or too late`)
}
