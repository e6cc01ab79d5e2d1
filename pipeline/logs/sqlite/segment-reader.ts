/** Reads one partition's records in order, a segment at a time. */
import type { LogRecord } from '../../engine/log.js'
import type { Partition, SegmentTable } from './partition-table.js'
import type { RecentRecords } from './recent-records.js'
import { skip, unpack } from './segment.js'

export interface SegmentReader {
  /** The offset of the record to be read next. */
  readonly offset: number
  /** How many records are stored and have not been read yet. */
  waiting(): number
  /** At most `max` records from `offset` on. It reads no further record once `maxBytes` of values have been read. */
  read(max: number, maxBytes?: number): LogRecord[]
}

/** A reader that starts at an offset. It takes records from `recent` while they are there, and from the file otherwise;
 *  null for a reader that is not the partition's main one, because `recent` gives each record only once. */
export function segmentReader(
  segments: SegmentTable,
  partition: Partition,
  start: number,
  recent: RecentRecords | null,
): SegmentReader {
  const cursor = segmentCursor(segments, partition)
  let offset = start
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
        if (!takeRecent(records, max)) takeStored(records, max)
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

  /** Takes what fits from one segment. Offsets whose records retention has removed are skipped. */
  function takeStored(records: LogRecord[], max: number): void {
    if (!cursor.seek(offset)) {
      offset = partition.end
      return
    }
    const last = Math.min(cursor.end, cursor.offset + max - records.length)
    while (cursor.offset < last && bytesLeft > 0) {
      const record = cursor.next()
      records.push(record)
      bytesLeft -= record.value?.length ?? 0
    }
    offset = cursor.offset
  }
}

/** Stands at a record within a loaded segment. */
interface SegmentCursor {
  /** The offset of the record that `next` returns. */
  readonly offset: number
  /** The offset after the segment's last record. */
  readonly end: number
  /** Goes to a record, or to the first one after it where it was removed. Loads its segment unless the cursor stands at
   *  the record already. False where no such record is stored. */
  seek(offset: number): boolean
  /** Returns the record and moves on by one. To be called only while `offset` is below `end`. */
  next(): LogRecord
}

function segmentCursor(segments: SegmentTable, partition: Partition): SegmentCursor {
  let bytes: Buffer = Buffer.alloc(0)
  /** The byte at which the record at `offset` begins. */
  let at = 0
  let offset = 0
  let end = 0

  return {
    get offset() {
      return offset
    },
    get end() {
      return end
    },
    seek(wanted) {
      if (wanted === offset && offset < end) return true
      const segment = segments.at(partition, wanted)
      if (!segment) return false
      offset = Math.max(wanted, segment.base)
      end = segment.base + segment.count
      bytes = segment.bytes
      at = skip(bytes, 0, offset - segment.base)
      return true
    },
    next() {
      const { record, next } = unpack(bytes, at)
      const { key, value, headers, timestampMs } = record
      at = next
      return {
        topic: partition.topic,
        partition: partition.partition,
        offset: offset++,
        key,
        value,
        headers,
        timestampMs,
      }
    },
  }
}
