/** What one member reads of one lane: a consumer of its own, so that prefetched bulk does not stand before a code, and
 *  a queue for each partition, so that no partition waits for another's backlog.
 *
 *  Invariants: at most one `consume` is under way, and what librdkafka reads changes only between two of them: what a call
 *  brings belongs to what was read when it began. The end of a partition is believed only once all that was read before
 *  it is queued, for what lies before an end may be committed as acked. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { KafkaConsumer, Message, TopicPartitionOffset } from 'node-rdkafka'
import type { Assignment, LogRecord } from '../../engine/log.js'
import { disconnect } from './clients.js'
import { answerOf, logError } from './library.js'
import type { Names } from './names.js'
import { logRecord } from './wire.js'

/** Held in JavaScript for one lane, beside librdkafka's own bounded prefetch. */
const maxHeldRecords = 4096
const maxHeldBytes = 4 * 1024 * 1024
/** Records taken from librdkafka in one call. */
const chunk = 1024
/** A call that waits holds up changes of what is read. */
const longestWaitMs = 100
/** While it reads nothing. */
const idleMs = 10
/** What librdkafka has to tell is taken so often though nothing is read: it would pile up. */
const serveEveryMs = 1000

/** One partition of a way, as it is read. */
export interface Source {
  readonly place: Assignment
  readonly topic: string
  /** Offset after the last record that was taken. */
  readTo: number
  /** Offsets passed that hold no record (marks of transactions, aborted or compacted records), those known as acked
   *  before not counted. */
  holes: number
  /** The end of the partition, where everything before it was taken or holds no record; else 0. */
  readonly end: () => number
  /** The partition reaches at least up to there. */
  readonly knownEnd: () => number
}

interface Held extends Source {
  queue: LogRecord[]
  head: number
  /** Offset after the last record that was queued. */
  queuedTo: number
  /** The latest end of the partition that was told, whether or not its records are taken already. */
  toldEnd: number
  /** False: librdkafka does not read it yet, and what comes under its name is another owner's. */
  reading: boolean
  readonly from: number
  readonly acked: readonly number[]
}

export interface LaneFeed {
  /** Reads the partition from the offset on; `acked` are later offsets that were acked before. */
  add(place: Assignment, offset: number, acked: readonly number[]): Source
  /** Nothing more comes from it. */
  remove(place: Assignment): void
  /** Records that can be taken now. */
  waiting(): number
  /** Looks for more, of every partition, where there is room, and unless somebody waits for it already. */
  refresh(): Promise<void>
  /** Resolves when there is more, after about `waitMs` at the latest. */
  wait(waitMs: number): Promise<void>
  /** At most `count` records, and about `bytes` of them: an even part of every partition, those with the least waiting
   *  first. Returns the bytes taken. */
  take(count: number, bytes: number, into: LogRecord[]): number
  close(): Promise<void>
}

/** `consumer` is connected and joins no group; it tells the ends of partitions. */
export function laneFeed(consumer: KafkaConsumer, names: Names): LaneFeed {
  const sources = new Map<string, Map<number, Held>>()
  let toAdd: Held[] = []
  let toRemove: Held[] = []
  let held = 0
  let heldBytes = 0
  let meanBytes = 1024
  let consuming: Promise<void> | null = null
  let isAwaited = false
  let closed = false
  let servedAtMs = 0
  /** Told before the records that come with them. */
  let ends: TopicPartitionOffset[] = []
  consumer.on('partition.eof', (end) => ends.push(end))

  return {
    add(place, offset, acked) {
      const topic = names.nameOf(place.topic)
      const source: Held = {
        ...{ place, topic, readTo: offset, holes: 0, queue: [], head: 0, queuedTo: offset, toldEnd: 0 },
        ...{ reading: false, from: offset, acked },
        end: () => (source.queue.length === source.head && source.toldEnd > source.readTo ? source.toldEnd : 0),
        knownEnd: () => Math.max(source.queuedTo, source.toldEnd),
      }
      const ofTopic = sources.get(topic) ?? new Map<number, Held>()
      sources.set(topic, ofTopic.set(place.partition, source))
      toAdd.push(source)
      return source
    },
    remove(place) {
      const topic = names.nameOf(place.topic)
      const source = find(topic, place.partition)
      if (!source) return
      sources.get(topic)?.delete(place.partition)
      for (const record of source.queue.slice(source.head)) heldBytes -= sizeOf(record)
      held -= source.queue.length - source.head
      if (toAdd.includes(source)) toAdd = toAdd.filter((other) => other !== source)
      else toRemove.push(source)
    },
    waiting: () => held,
    async refresh() {
      if (closed || isAwaited || held >= maxHeldRecords || heldBytes >= maxHeldBytes) return
      await inTurn(() => consume(chunk, 0))
    },
    async wait(waitMs) {
      if (closed || held > 0) return
      if (sources.size === 0) {
        await sleep(Math.min(waitMs, idleMs))
        return
      }
      isAwaited = true
      // One, and the rest with the next refresh: the library waits anew for each record of a call.
      await inTurn(() => consume(1, Math.min(waitMs, longestWaitMs))).finally(() => {
        isAwaited = false
      })
    },
    take,
    async close() {
      if (closed) return
      closed = true
      await consuming?.catch(() => undefined)
      try {
        consumer.unassign()
      } catch {
        // It is about to go anyway.
      }
      await disconnect(consumer)
    },
  }

  function find(topic: string, partition: number): Held | undefined {
    return sources.get(topic)?.get(partition)
  }

  async function inTurn(work: () => Promise<void>): Promise<void> {
    consuming ??= work().finally(() => {
      consuming = null
    })
    await consuming
  }

  async function consume(most: number, waitMs: number): Promise<void> {
    try {
      if (toRemove.length > 0) {
        consumer.incrementalUnassign(toRemove.map(({ topic, place: { partition } }) => ({ topic, partition })))
        toRemove = []
      }
      if (toAdd.length > 0) {
        consumer.incrementalAssign(
          toAdd.map(({ topic, from, place: { partition } }) => ({ topic, partition, offset: from })),
        )
        for (const source of toAdd) source.reading = true
        toAdd = []
      }
      const nowMs = performance.now()
      if (sources.size === 0 && nowMs - servedAtMs < serveEveryMs) return
      servedAtMs = nowMs
      const room = Math.min(maxHeldRecords - held, Math.ceil((maxHeldBytes - heldBytes) / meanBytes), most)
      consumer.setDefaultConsumeTimeout(waitMs)
      const messages = await answerOf<Message[]>((done) => consumer.consume(Math.max(1, room), done))
      for (const message of messages) queue(message)
      for (const end of ends) noteEnd(end)
      ends = []
    } catch (error) {
      throw logError(error, 'A lane could not be read')
    }
  }

  function queue(message: Message): void {
    const source = find(message.topic, message.partition)
    if (!source?.reading || message.offset < source.queuedTo) return
    const record = logRecord(message, source.place.topic)
    source.queue.push(record)
    source.queuedTo = record.offset + 1
    held++
    const size = sizeOf(record)
    heldBytes += size
    meanBytes += (size - meanBytes) / 64
  }

  function noteEnd({ topic, partition, offset }: TopicPartitionOffset): void {
    const source = find(topic, partition)
    if (source?.reading) source.toldEnd = offset
  }

  function take(count: number, bytes: number, into: LogRecord[]): number {
    if (count <= 0 || held === 0) return 0
    const own: Held[] = []
    for (const ofTopic of sources.values()) {
      for (const source of ofTopic.values()) if (source.queue.length > source.head) own.push(source)
    }
    own.sort((a, b) => a.queue.length - a.head - (b.queue.length - b.head))
    const before = heldBytes
    let left = count
    for (const [index, source] of own.entries()) {
      const others = own.length - index
      left -= takeFrom(source, Math.ceil(left / others), (bytes - before + heldBytes) / others, into)
    }
    return before - heldBytes
  }

  /** The first record is taken whatever its size, where there is any room. */
  function takeFrom(source: Held, count: number, bytes: number, into: LogRecord[]): number {
    const enough = Math.min(source.queue.length, source.head + count)
    const leastHeld = heldBytes - bytes
    let at = source.head
    for (; at < enough && heldBytes > leastHeld; at++) {
      const record = source.queue[at]
      if (!record) continue
      into.push(record)
      if (record.offset > source.readTo) source.holes += holesBetween(source, record.offset)
      source.readTo = record.offset + 1
      heldBytes -= sizeOf(record)
    }
    const taken = at - source.head
    held -= taken
    source.head = at
    // What was taken is let go of, at the latest when it is half of what the queue holds.
    if (2 * source.head >= source.queue.length) {
      source.queue = source.queue.slice(source.head)
      source.head = 0
    }
    return taken
  }
}

/** Holes before `offset` that no earlier owner acked. */
function holesBetween({ readTo, acked }: Held, offset: number): number {
  const known = acked.length === 0 ? 0 : acked.filter((other) => other >= readTo && other < offset).length
  return offset - readTo - known
}

function sizeOf({ key, value }: LogRecord): number {
  return 100 + (key?.length ?? 0) + (value?.length ?? 0)
}
