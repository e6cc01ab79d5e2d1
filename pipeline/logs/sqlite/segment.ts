/** Several records as one blob: the unit in which the SQLite log stores and reads.
 *
 *  Each record is, big-endian: timestamp (8, double, ms), key length (4, -1 for null), value length (4, -1 for null),
 *  header length (2), then key, headers (JSON, UTF-8, absent when there are none), value. */
import type { NewRecord } from '../../engine/log.js'

const fixedBytes = 18
/** A segment holds at most this many records and, but for a single larger record, bytes. */
export const segmentRecords = 256
export const segmentBytes = 256 * 1024

const noHeaders: Readonly<Record<string, string>> = Object.freeze({})

export interface Segment {
  readonly count: number
  readonly bytes: Buffer
}

/** Packs records in order into as few segments as the bounds allow. */
export function pack(records: readonly NewRecord[]): Segment[] {
  const segments: Segment[] = []
  let from = 0
  let size = 0
  for (let at = 0; at < records.length; at++) {
    const bytes = sizeOf(records[at] as NewRecord)
    if (at > from && (at - from === segmentRecords || size + bytes > segmentBytes)) {
      segments.push(packOne(records, from, at, size))
      from = at
      size = 0
    }
    size += bytes
  }
  if (records.length > from) segments.push(packOne(records, from, records.length, size))
  return segments
}

/** What a record holds besides its place. */
export type PackedRecord = Omit<NewRecord, 'topic' | 'event'>

/** Reads the record at a byte position; `next` is where the following one starts. The bytes are shared. */
export function unpack(segment: Buffer, at: number): { record: PackedRecord; next: number } {
  const timestampMs = segment.readDoubleBE(at)
  const keyLength = segment.readInt32BE(at + 8)
  const valueLength = segment.readInt32BE(at + 12)
  const headersLength = segment.readUInt16BE(at + 16)
  const keyEnd = at + fixedBytes + Math.max(0, keyLength)
  const headersEnd = keyEnd + headersLength
  const next = headersEnd + Math.max(0, valueLength)
  const record = {
    timestampMs,
    key: keyLength < 0 ? null : segment.subarray(at + fixedBytes, keyEnd),
    headers: headersLength === 0 ? noHeaders : JSON.parse(segment.toString('utf8', keyEnd, headersEnd)),
    value: valueLength < 0 ? null : segment.subarray(headersEnd, next),
  }
  return { record, next }
}

/** The position of the record after `count` others. */
export function skip(segment: Buffer, at: number, count: number): number {
  let position = at
  for (let skipped = 0; skipped < count; skipped++) {
    const lengths = Math.max(0, segment.readInt32BE(position + 8)) + Math.max(0, segment.readInt32BE(position + 12))
    position += fixedBytes + lengths + segment.readUInt16BE(position + 16)
  }
  return position
}

function packOne(records: readonly NewRecord[], from: number, to: number, size: number): Segment {
  const bytes = Buffer.allocUnsafe(size)
  let at = 0
  for (let index = from; index < to; index++) at = write(records[index] as NewRecord, bytes, at)
  return { count: to - from, bytes }
}

function write({ timestampMs, key, value, headers }: NewRecord, into: Buffer, start: number): number {
  const headerText = encodeHeaders(headers)
  into.writeDoubleBE(timestampMs, start)
  into.writeInt32BE(key?.length ?? -1, start + 8)
  into.writeInt32BE(value?.length ?? -1, start + 12)
  into.writeUInt16BE(headerText?.length ?? 0, start + 16)
  let at = start + fixedBytes
  for (const part of [key, headerText, value]) {
    if (!part) continue
    into.set(part, at)
    at += part.length
  }
  return at
}

function sizeOf({ key, value, headers }: NewRecord): number {
  return fixedBytes + (key?.length ?? 0) + (value?.length ?? 0) + (encodeHeaders(headers)?.length ?? 0)
}

function encodeHeaders(headers: Readonly<Record<string, string>>): Buffer | null {
  for (const _ in headers) return Buffer.from(JSON.stringify(headers))
  return null
}
