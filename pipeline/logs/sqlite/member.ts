/** The one consumer of a group on the SQLite log. */
import { BehaviorSubject } from 'rxjs'
import { type Lane, lanes } from '../../../schemas/streams.js'
import { shareOut } from '../../engine/lanes.js'
import { Fenced, type JoinOptions, type LogRecord, type Member, pollBytes, type Transaction } from '../../engine/log.js'
import { type SegmentReader, segmentReader } from './segment-reader.js'
import type { SharedLog } from './shared-log.js'

interface Source {
  readonly lane: Lane
  readonly reader: SegmentReader
}

export function sqliteMember(log: SharedLog, { group, topics }: JoinOptions): Member {
  const { partitions, positions, state } = log.tables
  const owned = topics.flatMap((topic) => log.partitionsOf(topic))
  const sources: readonly Source[] = owned.map((partition) => ({
    lane: partition.topic.lane ?? 'normal',
    reader: segmentReader(log.tables.segments, partition, positions.of(group, partition.id).next, log.recent),
  }))
  const ends = new Map(owned.map((partition) => [partition, partition.end]))
  const assignments = new BehaviorSubject(owned.map(({ topic, partition }) => ({ topic, partition })))
  const sleep = interruptibleSleep()
  const subscription = log.appended.subscribe(sleep.interrupt)
  const read = (max: number): LogRecord[] => log.database.read(() => readShared(sources, max))
  let left = false

  return {
    assignments,
    start({ topic, partition }) {
      const known = partitions.of(topic, partition)
      const { next, ackedAhead } = positions.of(group, known.id)
      return { topic, partition, next, ackedAhead, firstDeliveryFrom: ends.get(known) ?? Infinity }
    },
    async poll(max, waitMs) {
      if (left) return []
      const records = read(max)
      if (records.length > 0 || waitMs <= 0) return records
      await sleep.atMost(waitMs)
      return left ? [] : read(max)
    },
    async commit(transaction) {
      if (left) throw new Fenced('This member has left its group.')
      await commit(log, group, transaction)
    },
    get: (scope, key) => state.get(group, scope, key),
    range: (scope, from, to, limit) => state.range(group, scope, from, to, limit),
    onRevoke: () => undefined,
    async leave() {
      left = true
      subscription.unsubscribe()
      sleep.interrupt()
    },
  }
}

/** Writes the transaction, then makes its positions and its outputs visible to readers. */
async function commit(log: SharedLog, group: string, transaction: Transaction): Promise<void> {
  const { partitions, positions, state } = log.tables
  const packed = log.packed(transaction.outputs)
  const write = (): void => {
    for (const change of transaction.changes) state.apply(group, change)
    for (const position of transaction.positions) {
      positions.put(group, partitions.of(position.topic, position.partition).id, position)
    }
    // The outputs come last: they advance the ends in memory, which must not happen when this work alone is undone.
    log.write(packed)
  }
  await log.commit(write, transaction.durable)
  for (const position of transaction.positions) {
    positions.committed(group, partitions.of(position.topic, position.partition).id, position)
  }
  if (transaction.outputs.length > 0) log.appended.next()
  log.acked(group).next()
}

/** A sleep for one caller at a time. An interrupt ends it early, and does nothing while nobody sleeps. */
function interruptibleSleep() {
  let wake: (() => void) | null = null
  return {
    async atMost(ms: number): Promise<void> {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      wake = null
    },
    interrupt: () => wake?.(),
  }
}

/** Shares one poll out among lanes, and within a lane among its topic-partitions, which get an
 *  even part each. */
function readShared(sources: readonly Source[], max: number): LogRecord[] {
  const waiting: Record<Lane, number> = { high: 0, normal: 0, low: 0 }
  for (const { lane, reader } of sources) waiting[lane] += reader.waiting()
  const quota = shareOut(max, waiting)
  const records: LogRecord[] = []
  let bytesLeft = pollBytes
  for (const lane of lanes) {
    let left = quota[lane]
    const own = sources.filter((source) => source.lane === lane && source.reader.waiting() > 0)
    own.sort((a, b) => a.reader.waiting() - b.reader.waiting())
    for (const [index, { reader }] of own.entries()) {
      const read = reader.read(Math.min(left, Math.ceil(left / (own.length - index))), bytesLeft)
      left -= read.length
      for (const record of read) {
        records.push(record)
        bytesLeft -= record.value?.length ?? 0
      }
    }
  }
  return records
}
