/** Readings as tests write them down. */

import type { LagNames, LagReader, LagReading, PartitionLag } from '../../../pipeline/engine/lag-reading.js'
import { type Topic, topicOf } from '../../../schemas/streams.js'

export const requested = {
  high: topicOf('notifications.requested', 'high', null),
  low: topicOf('notifications.requested', 'low', null),
} as const

/** A partition of dedupe's where `records` wait. */
export function partitionLag(topic: Topic, records: number, more: Partial<PartitionLag> = {}): PartitionLag {
  const place = { stage: 'dedupe', topic, partition: 0 } as const
  return { ...place, committed: 0, start: 0, end: records, records, oldestMs: null, lost: 0, ...more }
}

export function readingOf(
  atMs: number,
  partitions: readonly PartitionLag[],
  more: Partial<LagReading> = {},
): LagReading {
  return { atMs, partitions, incomplete: new Set(), members: new Map(), retentionMs: () => 100_000, ...more }
}

export const names: LagNames = {
  cluster: 'test',
  group: (stage) => `carillon.${stage}`,
  nameOf: ({ stream, lane }) => `${stream}.${lane}`,
}

/** A reader that gives these, one after another; an error is thrown. It waits for ever after the last. */
export function scriptedReader(script: readonly (LagReading | Error)[]): LagReader {
  const left = [...script]
  return {
    names,
    read() {
      const next = left.shift()
      if (next === undefined) return new Promise(() => undefined)
      return next instanceof Error ? Promise.reject(next) : Promise.resolve(next)
    },
    close: async () => undefined,
  }
}
