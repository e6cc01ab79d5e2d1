/** Records that this process wrote and nobody has read yet, as they were before they became bytes. The reader that
 *  keeps up takes them from here and spares the file.
 *
 *  Invariant: a cache and no more: what is not found here stands in the file. Bounded by the bytes of the values. */
import type { LogRecord, NewRecord } from '../../engine/log.js'
import type { Partition } from './partition-table.js'

export interface RecentRecords {
  /** Takes note of records written at an offset. */
  add(partition: Partition, base: number, records: readonly NewRecord[]): void
  /** The records from an offset on, at most `max`, and no more once `maxBytes` of values are taken; they are forgotten
   *  here. Empty: look in the file. */
  take(partition: Partition, offset: number, max: number, maxBytes: number): readonly LogRecord[]
  /** Forgets everything: after a failed commit what was noted does not stand in the file. */
  clear(): void
}

interface Run {
  readonly partition: Partition
  /** Offset of the first record. */
  base: number
  records: readonly LogRecord[]
  bytes: number
}

const maxBytes = 8 * 1024 * 1024

export function recentRecords(): RecentRecords {
  const runs = new Set<Run>()
  const byPartition = new Map<Partition, Run[]>()
  let bytes = 0

  return {
    add(partition, base, records) {
      const kept: LogRecord[] = []
      let size = 0
      for (const record of records) {
        kept.push(placed(record, partition, base + kept.length))
        size += record.value?.length ?? 0
      }
      const run = { partition, base, records: kept, bytes: size }
      runs.add(run)
      const own = byPartition.get(partition)
      if (own) own.push(run)
      else byPartition.set(partition, [run])
      bytes += size
      while (bytes > maxBytes) dropOldest()
    },
    take(partition, offset, max, maxBytes) {
      const own = byPartition.get(partition)
      while (own?.[0] && own[0].base + own[0].records.length <= offset) drop(own[0])
      const run = own?.[0]
      if (!run || run.base > offset) return []
      const from = offset - run.base
      const count = within(run.records, from, max, maxBytes)
      const taken = run.records.slice(from, from + count)
      const rest = run.records.slice(from + count)
      if (rest.length === 0) drop(run)
      run.base = offset + taken.length
      run.records = rest
      return taken
    },
    clear() {
      runs.clear()
      byPartition.clear()
      bytes = 0
    },
  }

  function dropOldest(): void {
    const oldest = runs.values().next()
    if (!oldest.done) drop(oldest.value)
  }

  function drop(run: Run): void {
    runs.delete(run)
    bytes -= run.bytes
    const own = byPartition.get(run.partition)
    if (own) own.splice(own.indexOf(run), 1)
  }
}

/** Spelt out: a spread costs a microsecond, for every record of every hop. */
function placed(record: NewRecord, { topic, partition }: Partition, offset: number): LogRecord {
  const { key, value, headers, timestampMs, event } = record
  return event
    ? { topic, partition, offset, key, value, headers, timestampMs, event }
    : { topic, partition, offset, key, value, headers, timestampMs }
}

/** How many records from `from` on fit; at least one. */
function within(records: readonly LogRecord[], from: number, max: number, maxBytes: number): number {
  let count = 0
  let left = maxBytes
  while (count < max && left > 0 && from + count < records.length) {
    left -= records[from + count]?.value?.length ?? 0
    count++
  }
  return count
}
