/** How far the stages of the one process are behind, measured in the thread that serves HTTP: the engine's thread may hang,
 *  and its lag is told all the same. */
import { inTime } from '../../../ingress/in-time.js'
import type { Config } from '../../config/config.js'
import type { Database } from '../../logs/sqlite/database.js'
import { sqliteLagReader } from '../../logs/sqlite/lag-reader.js'
import { type MeasuredLag, measureLag } from '../../observe/lag/measured.js'
import type { LagRounds } from '../../observe/lag/rounds.js'
import type { Engine } from './engine.js'

export interface EmbeddedLag extends Pick<MeasuredLag, 'metrics' | 'logger'> {
  readonly config: Pick<Config, 'lag' | 'retention'>
  /** This thread's, which only reads. It must be closed after the rounds are stopped. */
  readonly database: Database
  readonly engine: Pick<Engine, 'askLog'>
  /** How long the engine may take to answer; one that does not has stalled. */
  readonly answerMs?: number
}

const engineAnswerMs = 5000
const hourMs = 3_600_000

/** Begins rounds. */
export function measureEmbeddedLag(options: EmbeddedLag): LagRounds {
  const { config, database, engine, metrics, logger, answerMs } = options
  const { lag, retention } = config
  const alive = answering(() => engine.askLog().then(() => true), false, answerMs)
  const retentionMs = retention.logHours * hourMs
  const reader = sqliteLagReader({ database, retentionMs, isAlive: () => alive().catch(() => false) })
  return measureLag({ reader, everyMs: lag.everyMs, metrics, logger })
}

/** A question to the engine that is never asked twice at a time: where it hangs, questions would pile up. Who asks gets
 *  the answer, or `silence` where none came in time. */
export function answering<T, S>(ask: () => Promise<T>, silence: S, answerMs = engineAnswerMs): () => Promise<T | S> {
  let asked: Promise<T> | null = null
  return () => {
    asked ??= ask().finally(() => {
      asked = null
    })
    return inTime(asked, answerMs, silence)
  }
}
