/** Events to bytes and back, in the Confluent wire format: a zero byte, the schema's id in four bytes, Avro.
 *  https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/#wire-format
 *
 *  Without a registry the ids are those of schemas/released. An older release is read through a cached resolver. */
import avsc from 'avsc'
import { avroType, type EventName, type EventOf, encodeAvro } from '../../schemas/avro.js'
import type { Outgoing } from '../../schemas/outgoing.js'
import { readReleased } from '../../schemas/sources.js'
import { wayTo } from '../../schemas/topics.js'
import type { LogRecord, NewRecord } from './log.js'

/** The bytes cannot be read, now or later: the record belongs among the dead letters. */
export class PoisonError extends Error {
  override readonly name = 'PoisonError'
  constructor(
    /** Stable code in kebab case. */
    readonly code: 'not-avro' | 'unknown-schema' | 'wrong-event' | 'truncated' | 'tombstone',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

export interface Codec {
  /** Throws where the value does not fit its schema: a fault of the code. */
  encode(outgoing: Outgoing, timestampMs: number): NewRecord
  /** Throws `PoisonError`. `expected`: the events that may stand on the record's topic. */
  decode<N extends EventName>(record: LogRecord, expected: readonly N[]): EventOf<N>
}

const headerBytes = 5
const noHeaders: Readonly<Record<string, string>> = Object.freeze({})

interface Reader {
  readonly event: EventName
  readonly type: avsc.Type
  readonly resolver: unknown
}

/** A codec on the released schemas. */
export function createCodec(): Codec {
  const released = readReleased()
  const readers = new Map<number, Reader>()
  const ids = new Map(released.map(({ event, id }) => [event, id]))

  return {
    encode(outgoing, timestampMs) {
      const { topic, lane, channel, key, event, value } = outgoing
      const bytes = encodeAvro(event, value, headerBytes)
      bytes[0] = 0
      bytes.writeUInt32BE(ids.get(event) ?? missing(event), 1)
      return {
        way: wayTo(topic, lane, channel),
        key: Buffer.from(key),
        value: bytes,
        headers: noHeaders,
        timestampMs,
        event: outgoing,
      }
    },
    decode<N extends EventName>(record: LogRecord, expected: readonly N[]) {
      const { value, event: known } = record
      if (known !== undefined && (expected as readonly EventName[]).includes(known.event)) return known as EventOf<N>
      if (value === null) throw new PoisonError('tombstone', 'The record has no value')
      const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
      if (bytes.length < headerBytes || bytes[0] !== 0) {
        throw new PoisonError('not-avro', 'The record does not begin with the Confluent wire format’s zero byte and id')
      }
      const id = bytes.readUInt32BE(1)
      const reader = readers.get(id) ?? open(id)
      const event = expected.find((name) => name === reader.event)
      if (event === undefined) {
        throw new PoisonError('wrong-event', `A record of ${reader.event} does not belong on ${record.way.topic}`)
      }
      return { event, value: read(reader, bytes) } as EventOf<N>
    },
  }

  function open(id: number): Reader {
    const schema = released.find((candidate) => candidate.id === id)
    if (!schema) throw new PoisonError('unknown-schema', `No schema has the id ${id}`)
    const type = avroType(schema.event as EventName)
    const writer = avsc.Type.forSchema(JSON.parse(schema.text), { wrapUnions: false })
    const resolver = id === ids.get(schema.event) ? undefined : type.createResolver(writer)
    const reader = { event: schema.event as EventName, type, resolver }
    readers.set(id, reader)
    return reader
  }
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

function missing(event: string): never {
  throw new Error(`schemas/released has no schema for ${event}. Run: npm run types`)
}
