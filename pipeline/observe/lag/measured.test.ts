import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Unavailable } from '../../../schemas/errors.js'
import { partitionLag, readingOf, requested, scriptedReader } from '../../../testing/observe/lag/reading-sample.js'
import { createMetrics, type Metrics } from '../metrics/metrics.js'
import { measureLag, roundProblems } from './measured.js'
import { type LagRounds, roundMostMs } from './rounds.js'

let metrics: Metrics
let rounds: LagRounds | undefined
beforeEach(() => {
  vi.useFakeTimers()
  metrics = createMetrics()
})
afterEach(async () => {
  await rounds?.stop()
  vi.useRealTimers()
})

const everyMs = 1000
const away = new Unavailable('No broker answers.')
const waiting = partitionLag(requested.high, 3, { oldestMs: 8000, committed: 4, end: 7 })
const idle = partitionLag(requested.low, 0, { committed: null })
const members = new Map([['dedupe', 1]] as const)
const seen = readingOf(10_000, [waiting, idle], { members })

function measure(...script: Parameters<typeof scriptedReader>[0]): LagRounds {
  const logger = { warn: () => undefined, info: () => undefined }
  rounds = measureLag({ reader: scriptedReader(script), everyMs, metrics, logger })
  return rounds
}

/** Every sample of lag, but those of rounds. */
async function samples(): Promise<readonly string[]> {
  const text = await metrics.registry.metrics()
  return text.split('\n').filter((line) => /^(?:kafka_|carillon_lag_(?!round|last)|carillon_group)/.test(line))
}

test('a round is shown under kafka-lag-exporter’s names, and as what is Carillon’s own', async () => {
  measure(seen)
  await vi.advanceTimersByTimeAsync(0)
  const group = 'cluster_name="test",group="carillon.dedupe",stage="dedupe"'
  const topic = (lane: string) => `topic="notifications.requested.${lane}"`
  const labels = (lane: string) =>
    `cluster_name="test",${topic(lane)},partition="0",group="carillon.dedupe",stage="dedupe",lane="${lane}"`
  expect(await samples()).toEqual([
    `kafka_consumergroup_group_offset{${labels('high')}} 4`,
    `kafka_consumergroup_group_lag{${labels('high')}} 3`,
    `kafka_consumergroup_group_lag{${labels('low')}} 0`,
    `kafka_consumergroup_group_lag_seconds{${labels('high')}} 2`,
    `kafka_consumergroup_group_lag_seconds{${labels('low')}} 0`,
    `kafka_partition_latest_offset{cluster_name="test",${topic('high')},partition="0"} 7`,
    `kafka_partition_latest_offset{cluster_name="test",${topic('low')},partition="0"} 0`,
    `kafka_consumergroup_group_max_lag{${group}} 3`,
    `kafka_consumergroup_group_max_lag_seconds{${group}} 2`,
    `kafka_consumergroup_group_sum_lag{${group}} 3`,
    `kafka_consumergroup_group_topic_sum_lag{${group},${topic('high')},lane="high"} 3`,
    `kafka_consumergroup_group_topic_sum_lag{${group},${topic('low')},lane="low"} 0`,
    'carillon_lag_retention_used_ratio{stage="dedupe",lane="high"} 0.02',
    'carillon_lag_retention_used_ratio{stage="dedupe",lane="low"} 0',
    'carillon_lag_lost_records{stage="dedupe",lane="high"} 0',
    'carillon_lag_lost_records{stage="dedupe",lane="low"} 0',
    'carillon_group_members{stage="dedupe"} 1',
  ])
})

test('a lag that does not shrink takes for ever to drain', async () => {
  measure(seen, { ...seen, atMs: 11_000 })
  await vi.advanceTimersByTimeAsync(everyMs)
  expect(await samples()).toContain('carillon_lag_drain_seconds{stage="dedupe"} +Inf')
})

test('a partition that is not told any more is not shown, nor the sum that lacks it', async () => {
  measure(seen, { ...seen, partitions: [waiting], incomplete: new Set(['dedupe']) })
  await vi.advanceTimersByTimeAsync(everyMs)
  const names = new Set(
    (await samples()).filter((line) => !line.includes('lane="high"')).map((line) => line.replace(/[{ ].*/, '')),
  )
  expect([...names]).toEqual([
    'kafka_partition_latest_offset',
    'kafka_consumergroup_group_max_lag',
    'kafka_consumergroup_group_max_lag_seconds',
    'carillon_group_members',
  ])
})

test('failed rounds are counted, and the third in a row takes what was seen away', async () => {
  const running = measure(seen, away, away, away, seen)
  const state = async () => ({
    shown: (await samples()).length > 0,
    failures: (await metrics.lagRoundFailures.get()).values[0]?.value,
    latest: running.latest()?.reading.atMs,
    problems: roundProblems(running),
  })
  const failed = ['The lag cannot be told: No broker answers.']
  expect(roundProblems(running)).toEqual(['The first round has not ended.'])
  await vi.advanceTimersByTimeAsync(0)
  expect(await state()).toEqual({ shown: true, failures: 0, latest: 10_000, problems: [] })
  await vi.advanceTimersByTimeAsync(2 * everyMs)
  expect(await state()).toEqual({ shown: true, failures: 2, latest: 10_000, problems: failed })
  await vi.advanceTimersByTimeAsync(everyMs)
  expect(await state()).toEqual({ shown: false, failures: 3, latest: undefined, problems: failed })
  await vi.advanceTimersByTimeAsync(everyMs)
  expect(await state()).toEqual({ shown: true, failures: 3, latest: 10_000, problems: [] })
})

test('a round that does not end is given up and counted', async () => {
  measure(seen)
  await vi.advanceTimersByTimeAsync(everyMs + roundMostMs)
  expect((await metrics.lagRoundFailures.get()).values[0]?.value).toBe(1)
  rounds = undefined
})
