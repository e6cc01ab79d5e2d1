/** How the stages flow, as the log tells it: whichever processes run them, and however many. */
import { Subscription } from 'rxjs'
import { inTime } from '../../../ingress/in-time.js'
import type { StageFlow } from '../../../ingress/stage-flow.js'
import { topicsOf } from '../../../schemas/streams.js'
import { type StageName, stageNames } from '../../../stages/stage.js'
import type { Log } from '../../engine/log.js'
import { inputs, topology } from '../../engine/topology.js'
import type { LagRound, LagRounds } from '../../observe/lag/rounds.js'
import { type Rate, rate, sampleMs, unsettledByLane, waitingByLane } from '../flow-samples.js'
import { withBehind } from '../stage-behind.js'

export interface GroupFlow {
  /** Rejects with `Unavailable`. */
  stages(): Promise<readonly StageFlow[]>
  stop(): Promise<void>
}

/** Nobody has looked for so long: positions are not asked for any more. */
const idleMs = 60_000
/** A round is asked for when the last one is older, and waited for no longer than that. */
const roundAgeMs = 2000
const roundPatienceMs = 3000

/** `local`: what this process runs itself, which it knows better. `lag`: rounds on demand; stopped with this. */
export function groupFlow(
  log: Log,
  local: () => ReadonlyMap<string, Pick<StageFlow, 'state' | 'restarts'>>,
  lag: Pick<LagRounds, 'fresh' | 'stop'> | null,
): GroupFlow {
  const rates = new Map<StageName, Rate>(stageNames.map((name) => [name, rate(false)]))
  let watching: Subscription | null = null
  let lookedMs = 0
  let sampler: NodeJS.Timeout | null = null

  return {
    async stages() {
      lookedMs = Date.now()
      begin()
      const here = local()
      const round = await inTime(
        lag?.fresh(roundAgeMs).catch(whileItAnswers) ?? Promise.resolve(null),
        roundPatienceMs,
        null,
      )
      return withBehind(
        stageNames.map((name) => flowOf(name, here.get(name), round)),
        round,
      )
    },
    async stop() {
      end()
      await lag?.stop()
    },
  }

  /** A round may fail by what this user may not ask; what is known here is told then. */
  async function whileItAnswers(): Promise<null> {
    await log.ask()
    return null
  }

  /** Positions are told only while somebody listens. */
  function begin(): void {
    if (watching) return
    watching = new Subscription()
    for (const name of stageNames) watching.add(log.acks(name).subscribe())
    sample()
    sampler = setInterval(() => (Date.now() - lookedMs > idleMs ? end() : sample()), sampleMs)
    sampler.unref()
  }

  function end(): void {
    watching?.unsubscribe()
    watching = null
    if (sampler) clearInterval(sampler)
    sampler = null
    for (const own of rates.values()) own.clear()
  }

  function sample(): void {
    for (const [name, own] of rates) own.add(settledBy(name))
  }

  function settledBy(name: StageName): number {
    const partitions = Array.from({ length: log.partitions }, (_, partition) => partition)
    return topicsOf(inputs[name])
      .flatMap((topic) => partitions.map((partition) => log.acked(name, { topic, partition })))
      .reduce((sum, count) => sum + count, 0)
  }

  function flowOf(
    name: StageName,
    here: Pick<StageFlow, 'state' | 'restarts'> | undefined,
    round: LagRound | null,
  ): StageFlow {
    const own = rates.get(name)
    const described = topology().stages.find((stage) => stage.name === name)
    return {
      stage: name,
      input: described?.input ?? '',
      outputs: described?.outputs ?? [],
      state: here?.state ?? 'running',
      processed: own?.count() ?? 0,
      perSecond: own?.perSecond() ?? 0,
      lag: round
        ? waitingByLane(round.reading.partitions.filter(({ stage }) => stage === name))
        : unsettledByLane(log, name, topicsOf(inputs[name])),
      restarts: here?.restarts ?? 0,
    }
  }
}
