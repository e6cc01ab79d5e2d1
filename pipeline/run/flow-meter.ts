/** How the stages flow: rates over the last seconds, what waits before each, and how far each is behind. One meter for all
 *  logs; who counts what a stage has acked differs. */
import type { StageBehind, StageFlow } from '../../ingress/stage-flow.js'
import type { Topic } from '../../schemas/streams.js'
import type { CountState, Log } from '../engine/log.js'
import { topology } from '../engine/topology.js'
import type { StageLag } from '../observe/lag/lag-trend.js'
import type { LagRound } from '../observe/lag/rounds.js'
import type { Parked } from '../observe/metrics/delivery-observers.js'
import { type Metrics, noLane } from '../observe/metrics/metrics.js'

export interface FlowMeter {
  /** `round`: what waits, as the log itself was asked; as far as this process knows unless given. */
  stages(round?: LagRound | null): Promise<readonly StageFlow[]>
  stop(): void
}

export interface FlowSource {
  readonly stages: readonly { readonly name: string; readonly topics: readonly Topic[] }[]
  readonly log: Pick<Log, 'unacked' | 'partitions'>
  /** How many records a stage has acked so far, by its name. */
  count(): Promise<ReadonlyMap<string, number>>
  /** What this process knows of a stage that it runs itself; undefined of all others. */
  here(stage: string): Pick<StageFlow, 'state' | 'restarts'> | undefined
  /** How many deliveries throttle holds back; left out where that is not known here. */
  readonly parked?: () => number
  /** Left out: counts begin at zero and are sampled all the time. Otherwise it is called when somebody looks, and the
   *  function that it returns when nobody has looked for a minute. */
  readonly watch?: () => () => void
}

/** Nobody has looked for so long: what is watched for them is watched no more. */
const idleMs = 60_000

export function flowMeter({ stages, log, count, here, parked, watch }: FlowSource): FlowMeter {
  const rates = new Map(stages.map(({ name }) => [name, rate(watch === undefined)]))
  let lookedMs = 0
  let sampler: NodeJS.Timeout | null = null
  let unwatch: (() => void) | null = null
  if (!watch) sampleOn()

  return {
    async stages(round = null) {
      lookedMs = Date.now()
      await begin()
      const counts = await count()
      return stages.map((stage) => flowOf(stage, counts.get(stage.name) ?? 0, round))
    },
    stop: end,
  }

  async function begin(): Promise<void> {
    if (sampler || !watch) return
    unwatch = watch()
    sampleOn()
    await sample()
  }

  function sampleOn(): void {
    sampler = setInterval(() => {
      if (watch && Date.now() - lookedMs > idleMs) end()
      else void sample()
    }, sampleMs)
    sampler.unref()
  }

  function end(): void {
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

  function flowOf(
    { name, topics }: FlowSource['stages'][number],
    processed: number,
    round: LagRound | null,
  ): StageFlow {
    const described = topology().stages.find((stage) => stage.name === name)
    const { state = 'running', restarts = 0 } = here(name) ?? {}
    return {
      stage: name,
      input: described?.input ?? '',
      outputs: described?.outputs ?? [],
      state,
      processed,
      perSecond: rates.get(name)?.perSecond() ?? 0,
      lag: round
        ? waitingByLane(round.reading.partitions.filter(({ stage }) => stage === name))
        : waitingByLane(unsettledIn(log, name, topics)),
      ...(name === 'throttle' && parked && { parked: parked() }),
      restarts,
    }
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

/** Counts are to be added so often. */
const sampleMs = 1000
/** Rates are means over this many samples. */
const samplesKept = 5

interface Rate {
  add(count: number): void
  perSecond(): number
  clear(): void
}

/** The rate of a count that only grows. `fromZero` false: what was counted before the first sample that tells anything is
 *  no rate. */
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

/** What the group has not acked of each partition, as far as is known in this process. */
function unsettledIn(log: FlowSource['log'], group: string, topics: readonly Topic[]): readonly Waiting[] {
  const partitions = Array.from({ length: log.partitions }, (_, partition) => partition)
  return topics.flatMap((topic) =>
    partitions.map((partition) => ({ topic, records: log.unacked(group, { topic, partition }) })),
  )
}

/** Records that wait, by lane. */
function waitingByLane(lags: readonly Waiting[]): Readonly<Record<string, number>> {
  const waiting: Record<string, number> = {}
  for (const { topic, records } of lags) {
    const lane = topic.lane ?? noLane
    waiting[lane] = (waiting[lane] ?? 0) + records
  }
  return waiting
}

/** What of a stage's lag is told beside the records that wait. */
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

/** The stages with what a round found of each; as they are where there was none. */
export function withBehind(stages: readonly StageFlow[], round: LagRound | null): readonly StageFlow[] {
  return stages.map((flow) => {
    const found = round?.stages.find(({ stage }) => stage === flow.stage)
    return found ? { ...flow, behind: behindOf(found) } : flow
  })
}

/** Where throttle keeps them: stages/throttle/parking.ts. */
const waitingForTime = [['d/', 'd0']] as const
const waitingForDestination = [['w/', 'w0']] as const
/** Of each, at most. Counting more would take the time of whoever owns the state, and says no more to a person. */
const maxParked = 10_000

/** What throttle holds back, counted in its state. */
export function countParked(countState: CountState): Parked {
  return {
    time: countState('throttle', waitingForTime, maxParked),
    destination: countState('throttle', waitingForDestination, maxParked),
  }
}
