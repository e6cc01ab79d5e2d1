/** What a group acked out of order: offsets alone cannot say it, and the library does not reach the metadata of
 *  commits. A compacted topic of one partition for each group, written in the step's transaction; key: the topic's
 *  partition; value: JSON.
 *
 *  A record is written while something is acked beyond the first gap, and for groups whose progress other processes
 *  watch. An older one than the commit does no harm: what it names lies before the committed offset then. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { KafkaConsumer, Message } from 'node-rdkafka'
import { Unavailable } from '../../../schemas/errors.js'
import type { Position } from '../../engine/log.js'
import { answerOf, logError } from './library.js'
import { keyOf } from './wire.js'

/** Where a group stands in a partition of a way. */
export interface Progress {
  readonly next: number
  readonly ackedAhead: readonly number[]
  /** Records acked, holes not counted. */
  readonly count: number
}

/** Progress by the partition's name. */
export type ProgressByPlace = Map<string, Progress>

const patienceMs = 60_000
const idleMs = 5
const chunk = 1000

/** The value of a progress record: next, count, then the runs of what is acked beyond. */
export function encodeProgress({ next, ackedAhead }: Pick<Position, 'next' | 'ackedAhead'>, count: number): Buffer {
  const runs: number[] = []
  let last = Number.NaN
  for (const offset of ackedAhead) {
    if (offset === last + 1) runs[runs.length - 1] = (runs.at(-1) ?? 0) + 1
    else runs.push(offset - next, 1)
    last = offset
  }
  return Buffer.from(JSON.stringify([next, count, runs]))
}

/** Reads a progress record; null for what is none. */
export function decodeProgress(message: Message): { place: string; progress: Progress } | null {
  const place = keyOf(message)?.toString()
  const { value } = message
  if (place === undefined || value === null) return null
  const [next, count, runs] = JSON.parse(value.toString()) as [number, number, number[]]
  const ackedAhead: number[] = []
  for (let at = 0; at + 1 < runs.length; at += 2) {
    const from = next + (runs[at] ?? 0)
    for (let index = 0; index < (runs[at + 1] ?? 0); index++) ackedAhead.push(from + index)
  }
  return { place, progress: { next, ackedAhead, count } }
}

/** Reads the topic up to `end`. The consumer joins nothing and tells the ends of partitions. */
export async function readProgress(consumer: KafkaConsumer, topic: string, end: number): Promise<ProgressByPlace> {
  const found: ProgressByPlace = new Map()
  if (end === 0) return found
  let reached = 0
  consumer.on('partition.eof', ({ offset }) => {
    reached = offset
  })
  consumer.assign([{ topic, partition: 0, offset: 0 }])
  let heardMs = performance.now()
  try {
    while (reached < end) {
      const messages = await answerOf<Message[]>((done) => consumer.consume(chunk, done))
      for (const message of messages) {
        const read = decodeProgress(message)
        if (read) found.set(read.place, read.progress)
        reached = Math.max(reached, message.offset + 1)
      }
      if (messages.length > 0) heardMs = performance.now()
      else if (performance.now() - heardMs > patienceMs) throw new Unavailable(`${topic} does not come to its end`)
      else await sleep(idleMs)
    }
    consumer.unassign()
    return found
  } catch (error) {
    throw logError(error, 'The progress of a group could not be read')
  }
}
