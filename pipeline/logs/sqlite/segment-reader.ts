/** Reads one partition's records in order, a segment at a time. */
import type { LogRecord } from '../../engine/log.js'
import type { LogTables, Partition } from './log-tables.js'
import type { RecentRecords } from './recent-records.js'
import { skip, unpack } from './segment.js'

export interface SegmentReader {
  /** The offset that comes next. */
  readonly offset: number
  /** Records that are there and were not read yet. */
  waiting(): number
  /** At most `max` records from `offset` on; no more once `maxBytes` of values are read. */
  read(max: number, maxBytes?: number): LogRecord[]
}

/** `recent`: where records are looked for first; null for a reader that is not the partition's main one. */
export function segmentReader(
  tables: LogTables,
  partition: Partition,
  start: number,
  recent: RecentRecords | null,
): SegmentReader {
  let offset = start
  let bytes: Buffer | null = null
  let at = 0
  let end = 0
  /** The offset of the record at byte `at`. */
  let loaded = start
  let bytesLeft = 0

  return {
    get offset() {
      return offset
    },
    waiting: () => partition.end - offset,
    read(max, maxBytes = Number.POSITIVE_INFINITY) {
      const records: LogRecord[] = []
      bytesLeft = maxBytes
      while (records.length < max && bytesLeft > 0 && offset < partition.end) {
        if (takeRecent(records, max)) continue
        if (!load()) break
        const last = Math.min(end, offset + max - records.length)
        while (offset < last && bytes && bytesLeft > 0) {
          const { record, next } = unpack(bytes, at)
          const { key, value, headers, timestampMs } = record
          records.push({
            topic: partition.topic,
            partition: partition.partition,
            offset,
            key,
            value,
            headers,
            timestampMs,
          })
          bytesLeft -= value?.length ?? 0
          offset++
          loaded = offset
          at = next
        }
      }
      return records
    },
  }

  function takeRecent(records: LogRecord[], max: number): boolean {
    const taken = recent?.take(partition, offset, max - records.length, bytesLeft) ?? []
    for (const record of taken) {
      records.push(record)
      bytesLeft -= record.value?.length ?? 0
    }
    offset += taken.length
    return taken.length > 0
  }

  /** Makes `bytes` the segment with `offset`. What retention took away is passed over. */
  function load(): boolean {
    if (bytes !== null && offset < end && offset === loaded) return true
    const segment = tables.segmentAt(partition, offset)
    if (!segment) {
      offset = partition.end
      bytes = null
      return false
    }
    offset = Math.max(offset, segment.base)
    loaded = offset
    end = segment.base + segment.count
    bytes = segment.bytes
    at = skip(segment.bytes, 0, offset - segment.base)
    return true
  }
}
