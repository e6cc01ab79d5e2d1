/** Whom `carillon lag` asks. */
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import type { StageBehind } from '../../ingress/stage-flow.js'
import { Unavailable } from '../../schemas/errors.js'
import type { KafkaConfig } from '../config/kafka.js'
import type { LagReader, PartitionLag } from '../engine/lag-reading.js'
import { inputs } from '../engine/topology.js'
import { ageOf } from '../observe/lag/lag-trend.js'
import { type LagRound, lagOnDemand } from '../observe/lag/rounds.js'
import { behindOf } from '../run/flow-meter.js'
import { connect } from './client.js'
import { CommandFailed, exitCodes } from './exit.js'

/** One stage, as far as it is told. */
export interface ToldStage {
  readonly stage: string
  readonly lag: Readonly<Record<string, number>>
  readonly behind?: StageBehind | undefined
  readonly perSecond?: number | null | undefined
  readonly state?: string | undefined
  readonly parked?: number | undefined
  readonly restarts?: number | undefined
}

/** One partition. */
export interface ToldPartition {
  readonly stage: string
  readonly topic: string
  readonly partition: number
  readonly committed: number | null
  readonly start: number
  readonly end: number
  readonly waiting: number
  /** In milliseconds; 0 where nothing waits, null where it is not known. */
  readonly ageMs: number | null
  readonly lost: number
}

export interface ToldLag {
  readonly stages: readonly ToldStage[]
  readonly partitions: readonly ToldPartition[]
  readonly problems: readonly string[]
  /** All of it, for a machine. */
  readonly answer: object
}

export interface LagSource {
  /** Rejects with `CommandFailed`. */
  ask(): Promise<ToldLag>
  close(): Promise<void>
}

const overdue = { ageMs: z.number().nullable(), retentionUsed: z.number().nullable(), lost: z.number() }
const flow = z.looseObject({
  stages: z.array(
    z.looseObject({
      stage: z.string(),
      state: z.string(),
      processed: z.number(),
      perSecond: z.number(),
      lag: z.record(z.string(), z.number()),
      parked: z.number().optional(),
      restarts: z.number(),
      behind: z
        .looseObject({
          ...overdue,
          drainMs: z.union([z.number(), z.literal('never')]).nullable(),
          members: z.number().nullable(),
          lanes: z.record(z.string(), z.looseObject(overdue)),
        })
        .optional(),
    }),
  ),
  /** Why it is not ready. */
  problems: z.array(z.string()),
})

/** The Carillon that runs at CARILLON_URL. */
export function httpLag(): LagSource {
  return {
    async ask() {
      const answer = await connect()({ method: 'GET', path: '/v1/flow' }, flow)
      const { stages, problems } = answer
      return { stages, problems, partitions: [], answer }
    },
    close: async () => undefined,
  }
}

/** A rate needs two rounds; so long lies between the first two. */
const rateMs = 1000

/** Kafka itself. */
export function kafkaLag(kafka: KafkaConfig): LagSource {
  let asked: { readonly reader: LagReader; round(): Promise<LagRound>; stop(): Promise<void> } | null = null

  return {
    async ask() {
      const isFirst = asked === null
      asked ??= await open()
      if (isFirst) {
        await reached(kafka, asked.round())
        await sleep(rateMs)
      }
      return toldOf(asked.reader, await reached(kafka, asked.round()))
    },
    close: async () => asked?.stop(),
  }

  /** Loaded here, for the other commands do without Kafka's library. */
  async function open() {
    const { kafkaLagReader } = await import('../logs/kafka/lag-reader.js')
    const reader = kafkaLagReader(kafka)
    const rounds = lagOnDemand(reader)
    return { reader, round: () => rounds.fresh(0), stop: () => rounds.stop() }
  }
}

async function reached<T>({ connection: { brokers } }: KafkaConfig, asked: Promise<T>): Promise<T> {
  return asked.catch((error: unknown) => {
    if (error instanceof Unavailable) {
      const why = error.message.replace(/(?<![.?])$/, '.')
      const message = `Kafka at ${brokers} cannot tell the lag: ${why} Whether all topics are there: carillon topics check`
      throw new CommandFailed(message, exitCodes.unreachable, { cause: error })
    }
    if (error instanceof Error && 'code' in error && error.code === 'kafka-missing') {
      throw new CommandFailed(error.message, exitCodes.failed, { cause: error })
    }
    throw error
  })
}

function toldOf({ names }: LagReader, { reading, stages: found }: LagRound): ToldLag {
  const stages = found.map((lag) => ({
    ...{ stage: lag.stage, input: inputs[lag.stage] },
    lag: Object.fromEntries(lag.lanes.map(({ lane, waiting }) => [lane, waiting])),
    perSecond: lag.outPerSecond,
    behind: behindOf(lag),
  }))
  const partitions = reading.partitions.map((lag) => partitionOf(lag, names.nameOf(lag.topic), reading.atMs))
  const problems = [...reading.incomplete].map((stage) => `Not every partition of ${stage} could be asked.`)
  return { stages, partitions, problems, answer: { stages, partitions, problems } }
}

function partitionOf(lag: PartitionLag, topic: string, atMs: number): ToldPartition {
  const { stage, partition, committed, start, end, records: waiting, lost } = lag
  return { stage, topic, partition, committed, start, end, waiting, ageMs: ageOf(lag, atMs), lost }
}
