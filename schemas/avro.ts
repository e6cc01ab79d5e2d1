/** The Avro types of every event: plain bytes, without the registry's header (pipeline/codec adds that). */
import avsc from 'avsc'
import { boundedTypes } from './bounded-types.js'
import type { Events } from './events.js'
import { readSources } from './sources.js'
import type { EventsOn, StreamName } from './streams.js'

/** Name of an event that stands on a topic: its schema file's name without .avsc. */
export type EventName = EventsOn<StreamName>

/** An event's name together with its value, so that a switch on the name types the value. */
export type EventOf<N extends EventName> = { [K in N]: { readonly event: K; readonly value: Events[K] } }[N]

const slabBytes = 64 * 1024
const types = parseAll()
let slab = Buffer.allocUnsafe(slabBytes)

/** The Avro type of one event, or of a record within. */
export function avroType(event: keyof Events): avsc.Type {
  const type = types.get(event)
  if (!type) throw new Error(`There is no schema for ${event}`)
  return type
}

/** Encodes a value behind `reserve` free bytes. Throws where the value does not fit its schema.
 *  The bytes are the caller's own. */
export function encodeAvro<N extends EventName>(event: N, value: Events[N], reserve = 0): Buffer {
  const type = avroType(event)
  let end = type.encode(value, slab, reserve)
  if (end < 0) {
    slab = Buffer.allocUnsafe(Math.max(slab.length * 2, slab.length - end))
    end = type.encode(value, slab, reserve)
  }
  const bytes = Buffer.allocUnsafe(end)
  slab.copy(bytes, 0, 0, end)
  if (slab.length > slabBytes * 16) slab = Buffer.allocUnsafe(slabBytes)
  return bytes
}

/** Decodes what `encodeAvro` wrote with today's schema. Throws on truncated or foreign bytes. */
export function decodeAvro<N extends EventName>(event: N, bytes: Uint8Array): Events[N] {
  return avroType(event).fromBuffer(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)) as Events[N]
}

function parseAll(): Map<string, avsc.Type> {
  const registry: Record<string, avsc.Type> = {}
  return new Map(
    readSources().map(({ name, schema }) => [
      name,
      avsc.Type.forSchema(schema as avsc.Schema, {
        registry,
        namespace: 'carillon',
        wrapUnions: false,
        typeHook: boundedTypes,
      }),
    ]),
  )
}
