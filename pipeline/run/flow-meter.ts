/** Measures how the stages flow: their rates over the last seconds, the records that wait before each, and how far each is
 *  behind. One meter serves every log; only the source of the counts differs. */
import type { StageBehind, StageFlow } from '../../ingress/stage-flow.js'
import type { Topic } from '../../schemas/streams.js'
import type { CountState, Log } from '../engine/log.js'
import { topology } from '../engine/topology.js'
import type { StageLag } from '../observe/lag/lag-trend.js'
import type { LagRound } from '../observe/lag/rounds.js'
import type { Parked } from '../observe/metrics/delivery-observers.js'
import { type Metrics, noLane } from '../observe/metrics/metrics.js'

export interface FlowMeter {
  /** `round`: the lag that the log reported. Without it, the lag is what this process knows. */
  stages(round?: LagRound | null): Promise<readonly StageFlow[]>
  stop(): void
}

export interface FlowSource {
  readonly stages: readonly { readonly name: string; readonly topics: readonly Topic[] }[]
  readonly log: Pick<Log, 'unacked' | 'partitions'>
  /** How many records each stage has acked so far, by the stage's name. */
  count(): Promise<ReadonlyMap<string, number>>
  /** The state of a stage that this process runs; undefined for every other stage. */
  here(stage: string): Pick<StageFlow, 'state' | 'restarts'> | undefined
  /** How many deliveries throttle has parked; left out where this process cannot know. */
  readonly parked?: () => number
  /** Starts what `count` needs, and returns what stops it. It is called when somebody asks for the stages, and its result
   *  when nobody has asked for a minute. Without it, counts begin at zero and are sampled all the time. */
  readonly watch?: () => () => void
}

/** How long nobody has to ask before the watch stops. */
const idleMs = 60_000

export function flowMeter(source: FlowSource): FlowMeter {
  const { stages, count } = source
  const rates = sampledRates(source)

  return {
    async stages(round = null) {
      await rates.looked()
      const counts = await count()
      return stages.map((stage) =>
        flowOf(source, stage, round, {
          processed: counts.get(stage.name) ?? 0,
          perSecond: rates.perSecond(stage.name),
        }),
      )
    },
    stop: rates.stop,
  }
}

function flowOf(
  { log, here, parked }: FlowSource,
  { name, topics }: FlowSource['stages'][number],
  round: LagRound | null,
  measured: Pick<StageFlow, 'processed' | 'perSecond'>,
): StageFlow {
  const described = topology().stages.find((stage) => stage.name === name)
  const { state = 'running', restarts = 0 } = here(name) ?? {}
  return {
    stage: name,
    input: described?.input ?? '',
    outputs: described?.outputs ?? [],
    state,
    ...measured,
    lag: round
      ? waitingByLane(round.reading.partitions.filter(({ stage }) => stage === name))
      : waitingByLane(unackedIn(log, name, topics)),
    ...(name === 'throttle' && parked && { parked: parked() }),
    restarts,
  }
}

/** How many records the stages of this process have acked since its start. */
export async function consumedByStage({ consumed }: Metrics): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>()
  for (const { labels, value } of (await consumed.get()).values) {
    const stage = String(labels.stage)
    counts.set(stage, (counts.get(stage) ?? 0) + value)
  }
  return counts
}

/** Between two samples of the counts. */
const sampleMs = 1000
/** Rates are means over this many samples. */
const samplesKept = 5

/** The rates of all stages, sampled while somebody asks for them. */
function sampledRates({ stages, count, watch }: FlowSource) {
  const rates = new Map(stages.map(({ name }) => [name, rate(watch === undefined)]))
  let lookedMs = 0
  let sampler: NodeJS.Timeout | null = null
  let unwatch: (() => void) | null = null
  if (!watch) start()

  return {
    /** Somebody asks for the rates: begins to sample where that is not under way. */
    async looked(): Promise<void> {
      lookedMs = Date.now()
      if (sampler || !watch) return
      unwatch = watch()
      start()
      await sample()
    },
    perSecond: (stage: string) => rates.get(stage)?.perSecond() ?? 0,
    stop,
  }

  function start(): void {
    sampler = setInterval(() => {
      if (watch && Date.now() - lookedMs > idleMs) stop()
      else void sample()
    }, sampleMs)
    sampler.unref()
  }

  function stop(): void {
    if (sampler) clearInterval(sampler)
    sampler = null
    unwatch?.()
    unwatch = null
    for (const own of rates.values()) own.clear()
  }

  async function sample(): Promise<void> {
    const counts = await count()
    if (sampler) for (const [name, own] of rates) own.add(counts.get(name) ?? 0)
  }
}

interface Rate {
  add(count: number): void
  perSecond(): number
  clear(): void
}

/** The rate of a count that only grows. `fromZero` false: the count of the first sample above zero is where the rate
 *  begins, because nobody knows when it was counted. */
function rate(fromZero: boolean): Rate {
  let samples: number[] = fromZero ? [0] : []
  return {
    add(count) {
      samples.push(count)
      if (samples.length > samplesKept + 1) samples.shift()
    },
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

interface Waiting {
  readonly topic: Topic
  readonly records: number
}

/** The records of each partition that the group has not acked, as far as this process knows. */
function unackedIn(log: FlowSource['log'], group: string, topics: readonly Topic[]): readonly Waiting[] {
  const partitions = Array.from({ length: log.partitions }, (_, partition) => partition)
  return topics.flatMap((topic) =>
    partitions.map((partition) => ({ topic, records: log.unacked(group, { topic, partition }) })),
  )
}

/** Adds up the waiting records by lane. */
function waitingByLane(lags: readonly Waiting[]): Readonly<Record<string, number>> {
  const waiting: Record<string, number> = {}
  for (const { topic, records } of lags) {
    const lane = topic.lane ?? noLane
    waiting[lane] = (waiting[lane] ?? 0) + records
  }
  return waiting
}

/** The part of a stage's lag that is published beside the waiting records. */
export function behindOf({ ageMs, retentionUsed, lost, drainMs, members, lanes }: StageLag): StageBehind {
  return {
    ...{ ageMs, retentionUsed, lost, members },
    // JSON has no infinity.
    drainMs: drainMs === Number.POSITIVE_INFINITY ? 'never' : drainMs,
    lanes: Object.fromEntries(
      lanes.map((lane) => [lane.lane, { ageMs: lane.ageMs, retentionUsed: lane.retentionUsed, lost: lane.lost }]),
    ),
  }
}

/** Adds what a round found to each stage; without a round the stages stay as they are. */
export function withBehind(stages: readonly StageFlow[], round: LagRound | null): readonly StageFlow[] {
  return stages.map((flow) => {
    const found = round?.stages.find(({ stage }) => stage === flow.stage)
    return found ? { ...flow, behind: behindOf(found) } : flow
  })
}

/** The key ranges of throttle's parked deliveries: stages/throttle/parking.ts. */
const waitingForTime = [['d/', 'd0']] as const
const waitingForDestination = [['w/', 'w0']] as const
/** Deliveries of each kind that are counted at most. Counting more would block the owner of the state, and a person would
 *  learn nothing more from it. */
const maxParked = 10_000

/** How many deliveries throttle has parked, counted in its state. */
export function countParked(countState: CountState): Parked {
  return {
    time: countState('throttle', waitingForTime, maxParked),
    destination: countState('throttle', waitingForDestination, maxParked),
  }
}
