/** Rounds whose outcome is shown as metrics. */

import type { LagReader } from '../../engine/lag-reading.js'
import type { Logger } from '../logging/logging.js'
import type { Metrics } from '../metrics/metrics.js'
import { lagGauges } from './lag-metrics.js'
import { failuresShown, type LagRounds, lagRounds } from './rounds.js'

export interface MeasuredLag {
  readonly reader: LagReader
  /** Between two rounds. */
  readonly everyMs: number
  readonly metrics: Metrics
  readonly logger: Pick<Logger, 'warn' | 'info'>
}

/** Begins rounds, and keeps the gauges of lag up to date until they are stopped. */
export function measureLag({ reader, everyMs, metrics, logger }: MeasuredLag): LagRounds {
  const gauges = lagGauges(metrics, reader.names)
  let isAway = false
  return lagRounds({
    reader,
    everyMs,
    onRound({ reading, stages }, tookMs) {
      gauges.show(reading, stages)
      metrics.lagRoundSeconds.observe(tookMs / 1000)
      metrics.lagRoundTime.set(reading.atMs / 1000)
      if (isAway) logger.info('The lag can be told again')
      isAway = false
    },
    onFailure(error, inARow) {
      metrics.lagRoundFailures.inc()
      if (inARow > failuresShown) gauges.clear()
      if (!isAway) logger.warn('The lag cannot be told; it is tried again', { error })
      isAway = true
    },
  })
}

/** Why readiness is not given. */
export function roundProblems(rounds: Pick<LagRounds, 'latest' | 'failure'>): string[] {
  const failure = rounds.failure()
  if (failure) return [`The lag cannot be told: ${failure instanceof Error ? failure.message : 'for a reason unknown'}`]
  return rounds.latest() ? [] : ['The first round has not ended.']
}
