/** What successive readings tell of each stage: rates, and how long it takes until nothing waits. */
import type { Topic } from '../../../schemas/streams.js'
import type { WorkerName } from '../../../stages/stage.js'
import type { LagReading, PartitionLag } from '../../engine/lag-reading.js'
import { noLane } from '../metrics/metrics.js'

/** One lane of a stage's input. */
export interface LaneLag {
  readonly lane: string
  readonly waiting: number
  /** Age of the oldest record that waits, in milliseconds; 0 where none does, null where it is not known. */
  readonly ageMs: number | null
  /** That age as a part of how long the log keeps it: at 1 records are lost. Null where it is not known. */
  readonly retentionUsed: number | null
  readonly lost: number
}

export interface StageLag {
  readonly stage: WorkerName
  /** Every lane, in the order of the topic. */
  readonly lanes: readonly LaneLag[]
  readonly waiting: number
  readonly ageMs: number | null
  readonly retentionUsed: number | null
  readonly lost: number
  /** Null where it could not be asked. */
  readonly members: number | null
  /** Written to its input and acked, offsets a second, over the window. Null before the second reading. */
  readonly inPerSecond: number | null
  readonly outPerSecond: number | null
  /** Until nothing waits, as the lag shrinks over the window: what waits, divided by the net rate at which it becomes
   *  less. 0 when nothing waits, Infinity while it does not shrink, null before the second reading. */
  readonly drainMs: number | null
}

export interface LagTrend {
  /** Takes a reading, and tells how each stage of it does. */
  note(reading: LagReading): readonly StageLag[]
}

interface Sample {
  readonly atMs: number
  readonly waiting: number
  readonly written: number
  readonly acked: number
}

/** Samples of one stage, whatever the window. */
const maxSamples = 1000

/** `windowMs`: over how long rates are means. One sample that is older is kept, to have two of them at all. */
export function lagTrend(windowMs: number): LagTrend {
  const history = new Map<WorkerName, Sample[]>()

  return {
    note(reading) {
      const stages = new Map<WorkerName, PartitionLag[]>()
      for (const partition of reading.partitions) {
        const own = stages.get(partition.stage)
        if (own) own.push(partition)
        else stages.set(partition.stage, [partition])
      }
      return [...stages].map(([stage, partitions]) => stageLag(reading, stage, partitions, history))
    },
  }

  function stageLag(
    reading: LagReading,
    stage: WorkerName,
    partitions: readonly PartitionLag[],
    samples: Map<WorkerName, Sample[]>,
  ): StageLag {
    const lanes = lanesOf(reading, partitions)
    const waiting = sum(partitions.map(({ records }) => records))
    return {
      ...{ stage, lanes, waiting },
      ageMs: oldest(lanes.map(({ ageMs }) => ageMs)),
      retentionUsed: oldest(lanes.map(({ retentionUsed }) => retentionUsed)),
      lost: sum(lanes.map(({ lost }) => lost)),
      members: reading.members.get(stage) ?? null,
      // Sums that lack a partition are no sums to compare.
      ...(reading.incomplete.has(stage)
        ? { inPerSecond: null, outPerSecond: null, drainMs: null }
        : ratesOf(noted(samples, stage, sampleOf(reading.atMs, waiting, partitions)))),
    }
  }

  function noted(samples: Map<WorkerName, Sample[]>, stage: WorkerName, sample: Sample): readonly Sample[] {
    const kept = samples.get(stage) ?? []
    samples.set(stage, kept)
    kept.push(sample)
    while (kept.length > 2 && ((kept[1]?.atMs ?? 0) <= sample.atMs - windowMs || kept.length > maxSamples)) kept.shift()
    return kept
  }
}

function sampleOf(atMs: number, waiting: number, partitions: readonly PartitionLag[]): Sample {
  const written = sum(partitions.map(({ end }) => end))
  const acked = sum(partitions.map(({ committed, start }) => Math.max(committed ?? 0, start)))
  return { atMs, waiting, written, acked }
}

function ratesOf(samples: readonly Sample[]): Pick<StageLag, 'inPerSecond' | 'outPerSecond' | 'drainMs'> {
  const [first] = samples
  const last = samples.at(-1)
  if (!first || !last || last.atMs <= first.atMs) {
    return { inPerSecond: null, outPerSecond: null, drainMs: last?.waiting === 0 ? 0 : null }
  }
  const elapsedMs = last.atMs - first.atMs
  const perSecond = (from: number, to: number) => Math.max(0, ((to - from) * 1000) / elapsedMs)
  const shrunk = first.waiting - last.waiting
  const drainMs = shrunk > 0 ? (last.waiting * elapsedMs) / shrunk : Number.POSITIVE_INFINITY
  return {
    inPerSecond: perSecond(first.written, last.written),
    outPerSecond: perSecond(first.acked, last.acked),
    drainMs: last.waiting === 0 ? 0 : drainMs,
  }
}

function lanesOf(reading: LagReading, partitions: readonly PartitionLag[]): readonly LaneLag[] {
  const lanes = new Map<string, PartitionLag[]>()
  for (const partition of partitions) {
    const lane = laneName(partition.topic)
    const own = lanes.get(lane)
    if (own) own.push(partition)
    else lanes.set(lane, [partition])
  }
  return [...lanes].map(([lane, own]) => ({
    lane,
    waiting: sum(own.map(({ records }) => records)),
    ageMs: oldest(own.map((partition) => ageOf(partition, reading.atMs))),
    retentionUsed: oldest(own.map((partition) => usedOf(partition, reading))),
    lost: sum(own.map(({ lost }) => lost)),
  }))
}

/** What a lane is called in labels and tables. */
export function laneName({ lane }: Topic): string {
  return lane ?? noLane
}

/** How long ago the oldest record that waits was written. A writer's clock may be ahead. */
export function ageOf({ records, oldestMs }: PartitionLag, atMs: number): number | null {
  if (records === 0) return 0
  return oldestMs === null ? null : Math.max(0, atMs - oldestMs)
}

function usedOf(partition: PartitionLag, { atMs, retentionMs }: LagReading): number | null {
  const keptMs = retentionMs(partition.topic)
  const ageMs = ageOf(partition, atMs)
  return keptMs === undefined || ageMs === null ? null : ageMs / keptMs
}

/** The highest of what is known; null where nothing is. */
function oldest(values: readonly (number | null)[]): number | null {
  return values.reduce((highest, value) => (value === null ? highest : Math.max(highest ?? 0, value)), null)
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
