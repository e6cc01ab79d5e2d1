/** Looks at every group again and again, or when asked, and tells what the last round found. */
import { Unavailable } from '../../../schemas/errors.js'
import type { LagReader, LagReading } from '../../engine/lag-reading.js'
import { type LagTrend, lagTrend, type StageLag } from './lag-trend.js'

/** What came of a round. */
export interface LagRound {
  readonly reading: LagReading
  readonly stages: readonly StageLag[]
}

export interface LagRoundsOptions {
  readonly reader: LagReader
  /** Between the beginnings of two rounds; a longer one delays the next. */
  readonly everyMs: number
  readonly onRound?: (round: LagRound, tookMs: number) => void
  /** `inARow`: how many have failed since the last that did not. */
  readonly onFailure?: (error: unknown, inARow: number) => void
}

export interface LagRounds {
  /** The last round that succeeded and is not too old to be shown. */
  latest(): LagRound | null
  /** Why the last round failed; null where it did not, or none has ended yet. */
  failure(): unknown
  /** A round for whoever asks, unless one is under way or younger than `ageMs`. Rejects as the round does. */
  fresh(ageMs: number): Promise<LagRound>
  stop(): Promise<void>
}

/** A round is given up after this; each wait in it has a shorter bound of its own. */
export const roundMostMs = 30_000
/** What was found is shown while no more rounds than these have failed since. */
export const failuresShown = 2
/** Rates and drain estimates are means over this time, or two rounds. */
const windowMs = 60_000

/** Rounds that only begin when somebody asks. */
export function lagOnDemand(reader: LagReader): LagRounds {
  return rounds({ reader, everyMs: windowMs })
}

/** Rounds from now on. */
export function lagRounds(options: LagRoundsOptions): LagRounds {
  const made = rounds(options)
  made.begin()
  return made
}

function rounds({ reader, everyMs, onRound, onFailure }: LagRoundsOptions): LagRounds & { begin(): void } {
  const trend: LagTrend = lagTrend(windowMs)
  let last: LagRound | null = null
  let lastEndedMs = Number.NEGATIVE_INFINITY
  let failed: unknown = null
  let failures = 0
  let running: Promise<LagRound> | null = null
  let timer: NodeJS.Timeout | undefined
  let stopped = false

  return {
    begin,
    latest: () => (failures > failuresShown ? null : last),
    failure: () => failed,
    async fresh(ageMs) {
      if (running) return running
      if (last && failures === 0 && performance.now() - lastEndedMs <= ageMs) return last
      return round()
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      await reader.close()
      await running?.catch(() => undefined)
    },
  }

  function begin(): void {
    if (stopped) return
    const begunMs = performance.now()
    void (running ?? round())
      .catch(() => undefined)
      .then(() => {
        if (stopped) return
        timer = setTimeout(begin, Math.max(0, everyMs - (performance.now() - begunMs)))
        timer.unref()
      })
  }

  function round(): Promise<LagRound> {
    running = look().finally(() => {
      running = null
    })
    return running
  }

  async function look(): Promise<LagRound> {
    const begunMs = performance.now()
    try {
      const reading = await withinBound(reader.read())
      const found = { reading, stages: trend.note(reading) }
      last = found
      lastEndedMs = performance.now()
      failed = null
      failures = 0
      onRound?.(found, lastEndedMs - begunMs)
      return found
    } catch (error) {
      failed = error
      failures++
      if (!stopped) onFailure?.(error, failures)
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
