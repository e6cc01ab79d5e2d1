/** Counts what a stage's worker does. */
import type { EventName } from '../../schemas/avro.js'
import { type Lane, type Way, wayName } from '../../schemas/topics.js'
import type { InputRecord, WorkerName } from '../../stages/stage.js'
import type { Commit, WorkerObserver } from '../engine/worker.js'
import { type Metrics, noLane } from './metrics.js'

/** Told by one worker for as long as it lives. */
export function stageObserver(metrics: Metrics, stage: WorkerName): WorkerObserver {
  /** When each batch was given; all records of one share the object. */
  const givenMs = new WeakMap<InputRecord<EventName>, number>()
  const commitLabels = { stage, messaging_operation_name: 'commit' }
  let owned: string | null = null

  return {
    given(records) {
      const nowMs = performance.now()
      for (const record of records) givenMs.set(record, nowMs)
    },
    committed(commit) {
      const { settled, outputs, drops, deadLetters, commitMs } = commit
      for (const [lane, count] of counts(settled, ({ way }) => laneName(way.lane))) {
        metrics.consumed.inc({ stage, lane }, count)
      }
      for (const [way, count] of counts(outputs, ({ way }) => way)) metrics.sent.inc(sentLabels(stage, way), count)
      for (const { lane, reason } of drops) metrics.dropped.inc({ stage, lane: laneName(lane), reason })
      for (const { lane, reason } of deadLetters) {
        metrics.deadLetters.inc({ stage, lane: laneName(lane), cause: reason })
      }
      metrics.operationSeconds.observe(commitLabels, commitMs / 1000)
      metrics.commitRecords.observe({ stage }, settled.length)
      observeBatches(commit)
    },
    assigned(assignments) {
      const now = assignments.map(({ way, partition }) => `${wayName(way)}-${partition}`).sort()
      metrics.partitions.set({ stage }, new Set(assignments.map(({ partition }) => partition)).size)
      if (owned !== null && owned !== now.join()) metrics.rebalances.inc({ stage })
      owned = now.join()
    },
    crashed: () => metrics.restarts.inc({ stage }),
  }

  function observeBatches({ inputs }: Commit): void {
    const nowMs = performance.now()
    const batches = new Set(inputs.map((input) => givenMs.get(input)))
    for (const startedMs of batches) {
      if (startedMs !== undefined) metrics.processSeconds.observe({ stage }, (nowMs - startedMs) / 1000)
    }
  }
}

function laneName(lane: Lane | null): string {
  return lane ?? noLane
}

function sentLabels(stage: WorkerName, { topic, lane }: Way) {
  return { stage, messaging_destination_name: topic, lane: laneName(lane) }
}

function counts<T, K>(of: readonly T[], key: (one: T) => K): Map<K, number> {
  const counted = new Map<K, number>()
  for (const one of of) counted.set(key(one), (counted.get(key(one)) ?? 0) + 1)
  return counted
}
