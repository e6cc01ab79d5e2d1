/** How far stages are behind, as GET /v1/flow and `carillon lag` tell it. */
import type { StageBehind, StageFlow } from '../../ingress/stage-flow.js'
import type { StageLag } from '../observe/lag/lag-trend.js'
import type { LagRound } from '../observe/lag/rounds.js'

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
