/** Counts what a stage's worker does. */
import type { NotificationRequested } from '../../../schemas/events.js'
import { type Lane, type Topic, topicName } from '../../../schemas/streams.js'
import type { WorkerName } from '../../../stages/stage.js'
import type { NewRecord } from '../../engine/log.js'
import { stateOf, type Worker } from '../../engine/worker.js'
import type { AnyInput, Commit, WorkerObserver } from '../../engine/worker-observer.js'
import { countAccepted } from './ingress-observer.js'
import { type Metrics, noLane } from './metrics.js'

/** Told by one worker for as long as it lives. */
export function stageObserver(metrics: Metrics, stage: WorkerName): WorkerObserver {
  /** When the batch of each record was given, which no two were at the same time. Bounded by the stage's mailbox. */
  const givenMs = new Map<AnyInput, number>()
  const commitLabels = { stage, messaging_operation_name: 'commit' }
  let owned: string | null = null
  // There from the beginning, so that the first one shows as an increase.
  metrics.restarts.inc({ stage }, 0)
  metrics.rebalances.inc({ stage }, 0)

  return {
    given(records) {
      const nowMs = performance.now()
      for (const record of records) givenMs.set(record, nowMs)
    },
    committed(commit) {
      const { acked, outputs, drops, deadLetters, commitMs } = commit
      for (const [lane, count] of counts(acked, ({ topic }) => laneName(topic.lane))) {
        metrics.consumed.inc({ stage, lane }, count)
      }
      for (const [topic, count] of counts(outputs, ({ topic }) => topic))
        metrics.sent.inc(sentLabels(stage, topic), count)
      for (const { lane, reason } of drops) metrics.dropped.inc({ stage, lane: laneName(lane), reason })
      for (const { lane, reason } of deadLetters) {
        metrics.deadLetters.inc({ stage, lane: laneName(lane), cause: reason })
      }
      metrics.operationSeconds.observe(commitLabels, commitMs / 1000)
      metrics.commitRecords.observe({ stage }, acked.length)
      observeBatches(commit)
      if (stage === 'intake') countAccepted(metrics, outputs.flatMap(requestIn))
    },
    left(records) {
      for (const record of records) givenMs.delete(record)
    },
    assigned(assignments) {
      const now = assignments.map(({ topic, partition }) => `${topicName(topic)}-${partition}`).sort()
      metrics.partitions.set({ stage }, new Set(assignments.map(({ partition }) => partition)).size)
      if (owned !== null && owned !== now.join()) metrics.rebalances.inc({ stage })
      owned = now.join()
    },
    crashed: () => metrics.restarts.inc({ stage }),
  }

  function observeBatches({ inputs }: Commit): void {
    const nowMs = performance.now()
    const begun = new Set<number>()
    let last: number | undefined
    for (const input of inputs) {
      const startedMs = givenMs.get(input)
      givenMs.delete(input)
      if (startedMs !== undefined && startedMs !== last) begun.add(startedMs)
      last = startedMs
    }
    for (const startedMs of begun) metrics.processSeconds.observe({ stage }, (nowMs - startedMs) / 1000)
  }
}

function requestIn({ event }: NewRecord): readonly NotificationRequested[] {
  return event?.event === 'notification-requested' ? [event.value] : []
}

function laneName(lane: Lane | null): string {
  return lane ?? noLane
}

function sentLabels(stage: WorkerName, { stream, lane }: Topic) {
  return { stage, messaging_destination_name: stream, lane: laneName(lane) }
}

function counts<T, K>(of: readonly T[], key: (one: T) => K): Map<K, number> {
  const counted = new Map<K, number>()
  for (const one of of) {
    const its = key(one)
    counted.set(its, (counted.get(its) ?? 0) + 1)
  }
  return counted
}

/** How a worker stands, told at each scrape: for as long as the metrics live. */
export function workerGauges(metrics: Metrics, stage: WorkerName, worker: Worker): void {
  metrics.atScrape('running', () => metrics.running.set({ stage }, Number(stateOf(worker) === 'running')))
  metrics.atScrape('stillSeconds', () => metrics.stillSeconds.set({ stage }, worker.stillMs() / 1000))
  metrics.atScrape('inFlight', () => metrics.inFlight.set({ stage }, worker.unacked()))
}
