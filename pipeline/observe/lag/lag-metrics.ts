/** What a round found, as gauges. Each round replaces all of them, and they are gone when none succeeds any more: what is
 *  shown was seen lately. */

import type { LagNames, LagReading, PartitionLag } from '../../engine/lag-reading.js'
import type { Metrics } from '../metrics/metrics.js'
import { ageOf, laneName, type StageLag } from './lag-trend.js'

export interface LagGauges {
  show(reading: LagReading, stages: readonly StageLag[]): void
  /** Shows nothing until the next reading. */
  clear(): void
}

/** The gauges of lag in `metrics`, which belong to this function alone. */
export function lagGauges(metrics: Metrics, { cluster: cluster_name, group, nameOf }: LagNames): LagGauges {
  const { groupOffset, groupLag, groupLagSeconds, latestOffset, topicSumLag } = metrics
  const { groupMaxLag, groupMaxLagSeconds, groupSumLag } = metrics
  const { drainSeconds, retentionUsed, lostRecords, members } = metrics
  const clear = (): void => {
    for (const gauge of [groupOffset, groupLag, groupLagSeconds, latestOffset, topicSumLag]) gauge.reset()
    for (const gauge of [groupMaxLag, groupMaxLagSeconds, groupSumLag]) gauge.reset()
    for (const gauge of [drainSeconds, retentionUsed, lostRecords, members]) gauge.reset()
  }

  return {
    clear,
    show(reading, stages) {
      clear()
      for (const partition of reading.partitions) showPartition(partition, reading.atMs)
      for (const stage of stages) {
        const own = reading.partitions.filter((partition) => partition.stage === stage.stage)
        showStage(stage, own, !reading.incomplete.has(stage.stage))
      }
    },
  }

  function showPartition(lag: PartitionLag, atMs: number): void {
    const { stage, topic, partition: number, committed, records, end } = lag
    const partition = String(number)
    const place = { cluster_name, topic: nameOf(topic), partition }
    const labels = { ...place, group: group(stage), stage, lane: laneName(topic) }
    if (committed !== null) groupOffset.set(labels, committed)
    groupLag.set(labels, records)
    const ageMs = ageOf(lag, atMs)
    if (ageMs !== null) groupLagSeconds.set(labels, ageMs / 1000)
    latestOffset.set(place, end)
  }

  function showStage(lag: StageLag, partitions: readonly PartitionLag[], isComplete: boolean): void {
    const { stage } = lag
    const labels = { cluster_name, group: group(stage), stage }
    groupMaxLag.set(labels, Math.max(0, ...partitions.map(({ records }) => records)))
    if (lag.ageMs !== null) groupMaxLagSeconds.set(labels, lag.ageMs / 1000)
    if (lag.drainMs !== null) drainSeconds.set({ stage }, lag.drainMs / 1000)
    if (lag.members !== null) members.set({ stage }, lag.members)
    for (const { lane, retentionUsed: used, lost } of lag.lanes) {
      if (used !== null) retentionUsed.set({ stage, lane }, used)
      lostRecords.set({ stage, lane }, lost)
    }
    if (!isComplete) return
    groupSumLag.set(labels, lag.waiting)
    for (const [topic, waiting] of waitingByTopic(partitions)) {
      topicSumLag.set({ ...labels, topic: nameOf(topic), lane: laneName(topic) }, waiting)
    }
  }
}

function waitingByTopic(partitions: readonly PartitionLag[]) {
  const topics = new Map<PartitionLag['topic'], number>()
  for (const { topic, records } of partitions) topics.set(topic, (topics.get(topic) ?? 0) + records)
  return topics
}
