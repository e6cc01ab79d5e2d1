import { EMPTY } from 'rxjs'
import { expect, it } from 'vitest'
import type { RunningStage } from './stages.js'
import { stalledStages } from './workers.js'

it('tells which stages have made no progress for two minutes', () => {
  const stage = (name: RunningStage['name'], stillMs: number): RunningStage => ({
    name,
    topics: [],
    worker: {
      state: EMPTY,
      unacked: () => 1,
      restarts: () => 0,
      stillMs: () => stillMs,
      stop: async () => undefined,
    },
  })
  expect(stalledStages([stage('dedupe', 120_000), stage('deliver', 121_000)])).toEqual([
    'deliver has made no progress for 121 s.',
  ])
})
