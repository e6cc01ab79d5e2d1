/** What goes wrong in a memory log, and when: by seeded chance, or once on demand. */
import { type Observable, of, type SchedulerLike, timer } from 'rxjs'
import { Unavailable } from '../../../schemas/errors.js'

/** Chances of failure, each 0..1 and 0 unless given. Half of the failures are answers that got lost: it took effect,
 *  and still the caller is told that it failed. */
export interface Faults {
  /** At least 0, less than 1; seeded, so that a run can be repeated. */
  readonly random: () => number
  readonly commitFails?: number
  readonly appendFails?: number
  /** Appends and commits take up to this long. 0 unless given. */
  readonly delayMs?: number
}

/** Whether a write fails before it takes effect, or only its answer does. */
export type Failure = 'write' | 'answer'

/** Decides the fate of writes. */
export interface Fate {
  /** How long the next write takes. */
  delay(): Observable<unknown>
  /** How the next write fails; null: not at all. */
  next(kind: 'commit' | 'append'): Failure | null
  /** The next commit of any member fails so. */
  failNextCommit(failure: Failure): void
}

/** Without faults nothing fails but on demand. */
export function fateOf(faults: Faults | null, clock: SchedulerLike): Fate {
  let demanded: Failure | null = null
  const chance = (kind: 'commit' | 'append'): number =>
    (kind === 'commit' ? faults?.commitFails : faults?.appendFails) ?? 0
  return {
    delay: () => (faults?.delayMs ? timer(faults.random() * faults.delayMs, clock) : of(undefined)),
    next: (kind) => {
      if (kind === 'commit' && demanded !== null) {
        const failure = demanded
        demanded = null
        return failure
      }
      if (!faults || faults.random() >= chance(kind)) return null
      return faults.random() < 0.5 ? 'write' : 'answer'
    },
    failNextCommit: (failure) => {
      demanded = failure
    },
  }
}

/** Runs a write to its fate. Rejects with `Unavailable` where it is to fail. */
export function fated(write: () => void, failure: Failure | null): void {
  if (failure === 'write') throw new Unavailable('The memory log failed before the write, as it was told to')
  write()
  if (failure === 'answer') throw new Unavailable('The memory log lost the answer to a write, as it was told to')
}
