/** The directory's memory, for when it is away.
 *
 *  Invariant: while the directory answers, it is asked for every batch: a preference counts from the next one on. */
import { LRUCache } from 'lru-cache'
import { Unavailable } from '../../../schemas/errors.js'
import { recipientKey } from '../../../schemas/outgoing.js'
import type { KnownRecipient } from '../../../schemas/template.js'
import type { Directory, RecipientReference } from '../../../stages/enrich-template/enrich-template.js'

export interface RememberedOptions {
  /** How many recipients are remembered. */
  readonly entries?: number
  /** How old an answer may be that is given while the directory is away. */
  readonly staleMs?: number
  /** How long the directory is not asked after it failed, where memory has the answer: each try costs its time-out. */
  readonly pauseMs?: number
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number
}

interface Remembered {
  /** Null: it was not known. */
  readonly recipient: KnownRecipient | null
  readonly atMs: number
}

/** Rejects with `Unavailable` where the directory is away and memory has not all of the answer. */
export function rememberedDirectory(directory: Directory, options: RememberedOptions): Directory {
  const { entries = 20_000, staleMs = 10 * 60_000, pauseMs = 5000, nowMs } = options
  const memory = new LRUCache<string, Remembered>({ max: entries })
  let pausedUntilMs = Number.NEGATIVE_INFINITY

  return {
    async find(wanted) {
      if (nowMs() < pausedUntilMs) {
        const known = remember(wanted)
        if (known) return known
      }
      try {
        const found = await directory.find(wanted)
        pausedUntilMs = Number.NEGATIVE_INFINITY
        keep(wanted, found)
        return found
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error
        pausedUntilMs = nowMs() + pauseMs
        const known = remember(wanted)
        if (!known) throw error
        return known
      }
    },
  }

  function keep(wanted: readonly RecipientReference[], found: ReadonlyMap<string, KnownRecipient>): void {
    const atMs = nowMs()
    for (const { tenant, id } of wanted) {
      const key = recipientKey(tenant, id)
      memory.set(key, { recipient: found.get(key) ?? null, atMs })
    }
  }

  /** Undefined: one of them is not in memory, or too old. */
  function remember(wanted: readonly RecipientReference[]): ReadonlyMap<string, KnownRecipient> | undefined {
    const known = new Map<string, KnownRecipient>()
    for (const { tenant, id } of wanted) {
      const key = recipientKey(tenant, id)
      const remembered = memory.get(key)
      if (!remembered || remembered.atMs < nowMs() - staleMs) return undefined
      if (remembered.recipient) known.set(key, remembered.recipient)
    }
    return known
  }
}
