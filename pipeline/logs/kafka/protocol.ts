/** The primitive types of Kafka's protocol. https://kafka.apache.org/protocol#protocol_types */

/** Collects values; each call gives the writer back. */
export interface ProtocolWriter {
  int8(value: number): ProtocolWriter
  int16(value: number): ProtocolWriter
  int32(value: number): ProtocolWriter
  string(text: string): ProtocolWriter
  data(bytes: Uint8Array): ProtocolWriter
  array<T>(values: readonly T[], write: (writer: ProtocolWriter, value: T) => ProtocolWriter): ProtocolWriter
  bytes(): Buffer
}

/** An empty writer. */
export function protocolWriter(): ProtocolWriter {
  const parts: Buffer[] = []
  const put = (length: number, write: (bytes: Buffer) => void): ProtocolWriter => {
    const bytes = Buffer.alloc(length)
    write(bytes)
    parts.push(bytes)
    return writer
  }
  const writer: ProtocolWriter = {
    int8: (value) => put(1, (bytes) => bytes.writeInt8(value)),
    int16: (value) => put(2, (bytes) => bytes.writeInt16BE(value)),
    int32: (value) => put(4, (bytes) => bytes.writeInt32BE(value)),
    string(text) {
      const bytes = Buffer.from(text)
      writer.int16(bytes.length)
      parts.push(bytes)
      return writer
    },
    data(bytes) {
      writer.int32(bytes.length)
      parts.push(Buffer.from(bytes))
      return writer
    },
    array(values, write) {
      writer.int32(values.length)
      for (const value of values) write(writer, value)
      return writer
    },
    bytes: () => Buffer.concat(parts),
  }
  return writer
}

/** Reads values one after another. Throws a `RangeError` where the bytes end too early. */
export class ProtocolReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  int8(): number {
    return this.#bytes.readInt8(this.#pass(1))
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#pass(2))
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#pass(4))
  }

  /** Offsets stay far below 2^53. */
  int64(): number {
    return Number(this.#bytes.readBigInt64BE(this.#pass(8)))
  }

  /** Null where there is none. */
  string(): string | null {
    const length = this.int16()
    if (length < 0) return null
    const from = this.#pass(length)
    return this.#bytes.toString('utf8', from, from + length)
  }

  data(): Buffer {
    const length = Math.max(0, this.int32())
    const from = this.#pass(length)
    return this.#bytes.subarray(from, from + length)
  }

  array(read: () => unknown): void {
    const count = this.int32()
    for (let index = 0; index < count; index++) read()
  }

  #pass(length: number): number {
    const from = this.#at
    this.#at += length
    return from
  }
}
