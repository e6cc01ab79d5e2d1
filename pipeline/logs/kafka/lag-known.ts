/** What is known of the stretch between what a group has committed and the end of a partition, so that a record is read
 *  only when another one became the oldest.
 *
 *  Invariant: what is remembered of a partition holds from `from` on, and a commit only moves forward within it; where it
 *  went back, it is asked anew. */
import type { First } from './oldest-records.js'

/** From where a group has to go on, and how far a partition reaches. */
export interface Stretch {
  readonly committed: number | null
  readonly start: number
  readonly end: number
}

export interface Waiting {
  readonly records: number
  readonly oldestMs: number | null
  readonly lost: number
}

export interface KnownStretches {
  /** The offset from which the oldest record has to be looked for; null where that is known, or nothing can wait. */
  unknownFrom(name: string, stretch: Stretch): number | null
  /** Takes what was found from there on. */
  note(name: string, stretch: Stretch, first: First, nowMs: number): void
  waiting(name: string, stretch: Stretch): Waiting
}

interface Known {
  readonly from: number
  readonly first: First
  /** Since when more stands there than can be read; null where it does not. */
  readonly heldUpMs: number | null
}

export function knownStretches(): KnownStretches {
  const known = new Map<string, Known>()

  return {
    unknownFrom(name, stretch) {
      const from = begin(stretch)
      if (from >= stretch.end) return null
      const first = firstFrom(name, from)
      if (!first) return from
      if (first.kind === 'record') return null
      return first.until >= stretch.end ? null : Math.max(from, first.until)
    },
    note(name, stretch, first, nowMs) {
      const from = begin(stretch)
      const isHeldUp = first.kind === 'none' && first.until < stretch.end
      const before = known.get(name)
      const goesOn = isHeldUp && before?.first.kind === 'none' && before.first.until === first.until
      known.set(name, {
        from: goesOn ? Math.min(before.from, from) : from,
        first,
        heldUpMs: isHeldUp ? ((goesOn ? before.heldUpMs : null) ?? nowMs) : null,
      })
    },
    waiting(name, stretch) {
      const from = begin(stretch)
      const { end } = stretch
      const lost = lostOf(name, stretch)
      if (from >= end) return { records: 0, oldestMs: null, lost }
      const first = firstFrom(name, from)
      if (!first) return { records: end - from, oldestMs: null, lost }
      if (first.kind === 'record') {
        const records = Math.max(0, end - first.offset)
        return { records, oldestMs: records > 0 ? first.writtenMs : null, lost }
      }
      const records = Math.max(0, end - Math.max(from, first.until))
      return { records, oldestMs: records > 0 ? (known.get(name)?.heldUpMs ?? null) : null, lost }
    },
  }

  /** What is known of the first record from `from` on. */
  function firstFrom(name: string, from: number): First | null {
    const found = known.get(name)
    if (!found || found.from > from) return null
    const { first } = found
    return from <= (first.kind === 'record' ? first.offset : first.until) ? first : null
  }

  /** One offset that nobody knows is taken for a transaction's mark: an idle partition ends with one, and retention takes
   *  it some day. */
  function lostOf(name: string, { committed, start }: Stretch): number {
    if (committed === null || committed >= start) return 0
    const first = firstFrom(name, committed)
    if (!first) return start - committed > 1 ? start - committed : 0
    return Math.max(0, start - (first.kind === 'record' ? first.offset : first.until))
  }
}

/** Where the group goes on: what retention took is passed over. */
function begin({ committed, start, end }: Stretch): number {
  return Math.min(end, Math.max(committed ?? 0, start))
}
