/** Reads the lag of every consumer group periodically or on demand, and keeps what the last round found. */
import { Unavailable } from '../../../schemas/errors.js'
import type { LagReader, LagReading } from '../../engine/lag-reading.js'
import { type LagTrend, lagTrend, type StageLag } from './lag-trend.js'

/** What a round found. */
export interface LagRound {
  readonly reading: LagReading
  readonly stages: readonly StageLag[]
}

export interface LagRoundsOptions {
  readonly reader: LagReader
  /** Between the beginnings of two rounds. A round that takes longer delays the next one. */
  readonly everyMs: number
  readonly onRound?: (round: LagRound, tookMs: number) => void
  /** `inARow`: how many rounds have failed since the last one that succeeded. */
  readonly onFailure?: (error: unknown, inARow: number) => void
}

export interface LagRounds {
  /** The last round that succeeded; null where too many have failed since. */
  latest(): LagRound | null
  /** Why the last round failed; null where it succeeded or no round has ended yet. */
  failure(): unknown
  /** The round under way; else the last one where it is at most `ageMs` old; else a new one. Rejects as the round does. */
  fresh(ageMs: number): Promise<LagRound>
  stop(): Promise<void>
}

/** A round fails after this time; each wait in it has a shorter bound of its own. */
export const roundMostMs = 30_000
/** The last round is still shown while at most this many rounds have failed since. */
export const failuresShown = 2
/** Rates and drain estimates are means over this time, or over two rounds where those take longer. */
const windowMs = 60_000

/** Rounds that begin only when somebody asks. */
export function lagOnDemand(reader: LagReader): LagRounds {
  return new Rounds({ reader, everyMs: windowMs })
}

/** Rounds that begin now and repeat. */
export function lagRounds(options: LagRoundsOptions): LagRounds {
  const rounds = new Rounds(options)
  rounds.begin()
  return rounds
}

class Rounds implements LagRounds {
  readonly #options: LagRoundsOptions
  readonly #trend: LagTrend = lagTrend(windowMs)
  #last: LagRound | null = null
  #lastEndedMs = Number.NEGATIVE_INFINITY
  #failed: unknown = null
  #failures = 0
  #running: Promise<LagRound> | null = null
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(options: LagRoundsOptions) {
    this.#options = options
  }

  /** Runs rounds until `stop`. */
  begin(): void {
    if (this.#stopped) return
    const begunMs = performance.now()
    void (this.#running ?? this.#round())
      .catch(() => undefined)
      .then(() => {
        if (this.#stopped) return
        const pauseMs = Math.max(0, this.#options.everyMs - (performance.now() - begunMs))
        this.#timer = setTimeout(() => this.begin(), pauseMs)
        this.#timer.unref()
      })
  }

  latest(): LagRound | null {
    return this.#failures > failuresShown ? null : this.#last
  }

  failure(): unknown {
    return this.#failed
  }

  async fresh(ageMs: number): Promise<LagRound> {
    if (this.#running) return this.#running
    if (this.#last && this.#failures === 0 && performance.now() - this.#lastEndedMs <= ageMs) return this.#last
    return this.#round()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#options.reader.close()
    await this.#running?.catch(() => undefined)
  }

  #round(): Promise<LagRound> {
    this.#running = this.#look().finally(() => {
      this.#running = null
    })
    return this.#running
  }

  async #look(): Promise<LagRound> {
    const { reader, onRound, onFailure } = this.#options
    const begunMs = performance.now()
    try {
      const reading = await withinBound(reader.read())
      const found = { reading, stages: this.#trend.note(reading) }
      this.#last = found
      this.#lastEndedMs = performance.now()
      this.#failed = null
      this.#failures = 0
      onRound?.(found, this.#lastEndedMs - begunMs)
      return found
    } catch (error) {
      this.#failed = error
      this.#failures++
      if (!this.#stopped) onFailure?.(error, this.#failures)
      throw error
    }
  }
}

async function withinBound<T>(reading: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const seconds = roundMostMs / 1000
    timer = setTimeout(() => reject(new Unavailable(`The log was not asked within ${seconds} s.`)), roundMostMs)
  })
  try {
    return await Promise.race([reading, late])
  } finally {
    clearTimeout(timer)
  }
}
