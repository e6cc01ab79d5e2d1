/** How the stages flow, as the log tells it: whichever processes run them, and however many. */
import { Subscription } from 'rxjs'
import { inTime } from '../../../ingress/in-time.js'
import type { StageFlow } from '../../../ingress/stage-flow.js'
import { topicsOf } from '../../../schemas/streams.js'
import { type StageName, stageNames } from '../../../stages/stage.js'
import type { Log } from '../../engine/log.js'
import { inputs } from '../../engine/topology.js'
import type { LagRounds } from '../../observe/lag/rounds.js'
import { flowMeter, withBehind } from '../flow-meter.js'

export interface GroupFlow {
  /** Rejects with `Unavailable`. */
  stages(): Promise<readonly StageFlow[]>
  stop(): Promise<void>
}

/** A round is asked for when the last one is older, and waited for no longer than that. */
const roundAgeMs = 2000
const roundWaitMs = 3000

/** `local`: what this process runs itself, which it knows better. `lag`: rounds on demand; stopped with this. */
export function groupFlow(
  log: Log,
  local: () => ReadonlyMap<string, Pick<StageFlow, 'state' | 'restarts'>>,
  lag: Pick<LagRounds, 'fresh' | 'stop'> | null,
): GroupFlow {
  const meter = flowMeter({
    stages: stageNames.map((name) => ({ name, topics: topicsOf(inputs[name]) })),
    log,
    count: async () => new Map(stageNames.map((name) => [name, ackedBy(log, name)])),
    here: (stage) => local().get(stage),
    // Positions are told only while somebody listens.
    watch() {
      const watching = new Subscription()
      for (const name of stageNames) watching.add(log.acks(name).subscribe())
      return () => watching.unsubscribe()
    },
  })

  return {
    async stages() {
      const asked = lag?.fresh(roundAgeMs).catch(whileItAnswers) ?? Promise.resolve(null)
      const round = await inTime(asked, roundWaitMs, null)
      return withBehind(await meter.stages(round), round)
    },
    async stop() {
      meter.stop()
      await lag?.stop()
    },
  }

  /** A round may fail by what this user may not ask; what is known here is told then. */
  async function whileItAnswers(): Promise<null> {
    await log.ask()
    return null
  }
}

function ackedBy(log: Log, name: StageName): number {
  const partitions = Array.from({ length: log.partitions }, (_, partition) => partition)
  return topicsOf(inputs[name])
    .flatMap((topic) => partitions.map((partition) => log.acked(name, { topic, partition })))
    .reduce((sum, count) => sum + count, 0)
}
