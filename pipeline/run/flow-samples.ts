/** What the flow of stages is told by, whoever counts: rates over the last seconds, and what waits in each lane. */
import type { Topic } from '../../schemas/streams.js'
import type { Log } from '../engine/log.js'
import { noLane } from '../observe/metrics/metrics.js'

/** Counts are to be added so often. */
export const sampleMs = 1000
/** Rates are means over this many samples. */
const samplesKept = 5

export interface Rate {
  add(count: number): void
  /** The last count. */
  count(): number
  perSecond(): number
  clear(): void
}

/** The rate of a count that only grows. `fromZero` false: what was counted before the first sample that tells anything is
 *  no rate. */
export function rate(fromZero: boolean): Rate {
  let samples: number[] = fromZero ? [0] : []
  return {
    add(count) {
      samples.push(count)
      if (samples.length > samplesKept + 1) samples.shift()
    },
    count: () => samples.at(-1) ?? 0,
    perSecond() {
      const first = (fromZero ? samples[0] : samples.find((count) => count > 0)) ?? 0
      const spanned = ((samples.at(-1) ?? 0) - first) / Math.max(1, samples.length - 1)
      return Math.max(0, Math.round((spanned * 10 * 1000) / sampleMs) / 10)
    },
    clear() {
      samples = []
    },
  }
}

/** What the group has not acked, as far as is known in this process, by lane. */
export function unsettledByLane(log: Log, group: string, topics: readonly Topic[]): Readonly<Record<string, number>> {
  return waitingByLane(
    topics.flatMap((topic) =>
      Array.from({ length: log.partitions }, (_, partition) => ({
        topic,
        records: log.unacked(group, { topic, partition }),
      })),
    ),
  )
}

/** Records that wait, by lane. */
export function waitingByLane(
  waiting: readonly { readonly topic: Topic; readonly records: number }[],
): Readonly<Record<string, number>> {
  const lanes: Record<string, number> = {}
  for (const { topic, records } of waiting) {
    const lane = topic.lane ?? noLane
    lanes[lane] = (lanes[lane] ?? 0) + records
  }
  return lanes
}
