/** Events as a stage keeps them in its state, beyond releases: behind a zero byte and the id of the schema that wrote them,
 *  in four bytes, as on the wire; the ids are always those of schemas/released.
 *
 *  Releases before wrote bare Avro. No event of a stage's state begins with a zero byte, for it begins with an id. */
import avsc from 'avsc'
import { avroType, type EventName, encodeAvro } from './avro.js'
import { boundedTypes } from './bounded-types.js'
import type { Events } from './events.js'
import { readReleased } from './sources.js'

const headerBytes = 5

interface Released {
  readonly id: number
  readonly type: avsc.Type
  /** Null for today's schema. */
  readonly resolver: unknown
}

/** Of each event that is kept, newest first. */
const released = new Map<EventName, readonly Released[]>()

export function encodeStored<N extends EventName>(event: N, value: Events[N]): Buffer {
  const bytes = encodeAvro(event, value, headerBytes)
  bytes[0] = 0
  bytes.writeUInt32BE(releasesOf(event)[0]?.id ?? 0, 1)
  return bytes
}

/** Throws on bytes that no release can have written. */
export function decodeStored<N extends EventName>(event: N, stored: Uint8Array): Events[N] {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength)
  if (bytes[0] !== 0) return decodeBare(event, bytes)
  const id = bytes.length < headerBytes ? -1 : bytes.readUInt32BE(1)
  const release = releasesOf(event).find((one) => one.id === id)
  if (!release) throw new Error(`The state holds a ${event} of the schema ${id}, which this release does not know`)
  return decodeBy(event, release, bytes.subarray(headerBytes))
}

/** By the newest schema that reads all of it and nothing but it. */
function decodeBare<N extends EventName>(event: N, bytes: Buffer): Events[N] {
  const errors: unknown[] = []
  for (const release of releasesOf(event)) {
    try {
      return decodeBy(event, release, bytes)
    } catch (error) {
      errors.push(error)
    }
  }
  throw new AggregateError(errors, `The state holds a ${event} that no release can have written`)
}

function decodeBy<N extends EventName>(event: N, { type, resolver }: Released, bytes: Buffer): Events[N] {
  const read = resolver === null ? type.fromBuffer(bytes) : avroType(event).fromBuffer(bytes, resolver as avsc.Schema)
  return read as Events[N]
}

function releasesOf(event: EventName): readonly Released[] {
  const known = released.get(event)
  if (known) return known
  const versions = readReleased().filter((schema) => schema.event === event)
  const newest = versions.at(-1)?.id
  const made = versions.reverse().map(({ id, text }): Released => {
    if (id === newest) return { id, type: avroType(event), resolver: null }
    const type = avsc.Type.forSchema(JSON.parse(text), { wrapUnions: false, typeHook: boundedTypes })
    return { id, type, resolver: avroType(event).createResolver(type) }
  })
  released.set(event, made)
  return made
}
