/** Reads Protobuf without its schema, as far as OTLP's traces need it.
 *  https://protobuf.dev/programming-guides/encoding/ */

/** The values of each field, by its number. */
export type Message = ReadonlyMap<number, readonly (bigint | Buffer)[]>

const kinds = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const

export function readMessage(bytes: Buffer): Message {
  const fields = new Map<number, (bigint | Buffer)[]>()
  let at = 0
  while (at < bytes.length) {
    const tag = Number(varint())
    const values = fields.get(tag >> 3) ?? []
    fields.set(tag >> 3, values)
    values.push(read(tag & 7))
  }
  return fields

  function read(kind: number): bigint | Buffer {
    switch (kind) {
      case kinds.varint:
        return varint()
      case kinds.fixed64:
        return take(8).readBigUInt64LE()
      case kinds.fixed32:
        return BigInt(take(4).readUInt32LE())
      case kinds.bytes:
        return take(Number(varint()))
      default:
        throw new Error(`Protobuf has no kind ${kind}`)
    }
  }

  function varint(): bigint {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = BigInt(take(1).readUInt8())
      value |= (byte & 0x7fn) << shift
      if (byte < 0x80n) return value
    }
  }

  function take(length: number): Buffer {
    at += length
    return bytes.subarray(at - length, at)
  }
}

/** The messages that stand in a field. */
export function messagesIn(message: Message, field: number): Message[] {
  return (message.get(field) ?? []).flatMap((value) => (typeof value === 'bigint' ? [] : [readMessage(value)]))
}

/** The first value of a field as bytes; empty where there is none. */
export function bytesIn(message: Message, field: number): Buffer {
  const [value] = message.get(field) ?? []
  return Buffer.isBuffer(value) ? value : Buffer.alloc(0)
}

/** The first value of a field as a number; 0 where there is none. */
export function numberIn(message: Message, field: number): bigint {
  const [value] = message.get(field) ?? []
  return typeof value === 'bigint' ? value : 0n
}
