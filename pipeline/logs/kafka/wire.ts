/** Records as librdkafka takes and gives them.
 *
 *  node-rdkafka gives an empty key or value back as none, and cuts a header at its first NUL: a header of our own tells
 *  of the one, and the other goes as base64. */
import type { Message, MessageHeader, Producer } from 'node-rdkafka'
import type { Topic } from '../../../schemas/streams.js'
import type { LogRecord, NewRecord } from '../../engine/log.js'

const emptyHeader = 'carillon-empty'
const base64Ending = ';base64'
const noHeaders: Readonly<Record<string, string>> = Object.freeze({})
const nothing = Buffer.alloc(0)

/** Hands a record to the producer. Throws the library's error where its queue is full or the record too large.
 *  `partition` null: as the key says. */
export function produce(
  producer: Producer,
  topic: string,
  partition: number | null,
  { key, value, headers, timestampMs }: Pick<NewRecord, 'key' | 'value' | 'headers' | 'timestampMs'>,
  opaque?: number,
): void {
  producer.produce(
    topic,
    partition,
    value === null ? null : bufferOf(value),
    key === null ? undefined : bufferOf(key),
    timestampMs,
    opaque,
    headersOf(headers, key, value),
  )
}

/** A record as it was read. */
export function logRecord(message: Message, topic: Topic): LogRecord {
  const { partition, offset, timestamp, headers } = message
  const read = headers === undefined || headers.length === 0 ? null : readHeaders(headers)
  const empty = read?.empty ?? ''
  return {
    topic,
    partition,
    offset,
    key: keyOf(message) ?? (empty.includes('k') ? nothing : null),
    value: message.value ?? (empty.includes('v') ? nothing : null),
    headers: read?.headers ?? noHeaders,
    timestampMs: timestamp ?? 0,
  }
}

/** The key's bytes: they always come as such. */
export function keyOf({ key }: Message): Buffer | null {
  return key === null || key === undefined ? null : typeof key === 'string' ? Buffer.from(key) : key
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function headersOf(
  headers: Readonly<Record<string, string>>,
  key: Uint8Array | null,
  value: Uint8Array | null,
): MessageHeader[] | undefined {
  const empty = `${key?.length === 0 ? 'k' : ''}${value?.length === 0 ? 'v' : ''}`
  if (headers === noHeaders && empty === '') return undefined
  const list = Object.entries(headers).map(
    ([name, text]): MessageHeader =>
      text.includes('\0') ? { [`${name}${base64Ending}`]: Buffer.from(text).toString('base64') } : { [name]: text },
  )
  if (empty !== '') list.push({ [emptyHeader]: empty })
  return list.length === 0 ? undefined : list
}

function readHeaders(list: readonly MessageHeader[]): { empty: string; headers: Record<string, string> } {
  const headers: Record<string, string> = {}
  let empty = ''
  for (const header of list) {
    for (const [name, bytes] of Object.entries(header)) {
      const text = bytes.toString()
      if (name === emptyHeader) empty = text
      else if (name.endsWith(base64Ending)) {
        headers[name.slice(0, -base64Ending.length)] = Buffer.from(text, 'base64').toString()
      } else headers[name] = text
    }
  }
  return { empty, headers }
}
