/** How far every group is behind, looked at from outside: nothing here needs the stages to run.
 *
 *  One port for both engines. A reading tells what the log says at one time; what comes of several is told by
 *  `lag-trend.ts`. */
import type { Topic } from '../../schemas/streams.js'
import type { WorkerName } from '../../stages/stage.js'

/** One partition of a way, and how far the stage that reads it has come. */
export interface PartitionLag {
  readonly stage: WorkerName
  readonly topic: Topic
  readonly partition: number
  /** The first offset not acked; null where the group has acked nothing yet, or its offsets were forgotten. */
  readonly committed: number | null
  /** Where the log begins and ends. */
  readonly start: number
  readonly end: number
  /** Waiting. Offsets on Kafka, of which each transaction takes one for its mark; 0 when nothing that could be read is
   *  left. */
  readonly records: number
  /** When the oldest of them was written, in milliseconds since the epoch; null where none waits, and where it was not
   *  read in time. */
  readonly oldestMs: number | null
  /** Offsets that retention took before the group acked them. */
  readonly lost: number
}

/** What one round found. */
export interface LagReading {
  /** Milliseconds since the epoch. */
  readonly atMs: number
  /** Of every stage that the engine has; a partition that could not be asked is left out. */
  readonly partitions: readonly PartitionLag[]
  /** Stages of which a partition is missing above. */
  readonly incomplete: ReadonlySet<WorkerName>
  /** Members of each stage's group; a stage is left out where that could not be asked. */
  readonly members: ReadonlyMap<WorkerName, number>
  /** How long a way keeps records, in milliseconds: Infinity for ever, undefined where that is not told. */
  retentionMs(topic: Topic): number | undefined
}

/** What the log calls things. */
export interface LagNames {
  readonly cluster: string
  group(stage: WorkerName): string
  nameOf(topic: Topic): string
}

/** Looks at every group of one engine. */
export interface LagReader {
  readonly names: LagNames
  /** One round at a time. Rejects with `Unavailable` where the log cannot be asked; every wait has a bound. */
  read(): Promise<LagReading>
  close(): Promise<void>
}
