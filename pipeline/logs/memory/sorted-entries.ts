/** Keyed values in the order of their keys: one stage's state in one scope. */
import type { StateChange, StateEntry } from '../../../stages/stage.js'

/** An entry that has expired is gone at once: the earliest that the contract allows, so that a stage that counts on
 *  it longer is found out. */
export interface SortedEntries {
  get(key: string, nowMs: number): Uint8Array | undefined
  /** At most `limit` entries with from <= key < to, in the order of keys. */
  range(from: string, to: string, limit: number, nowMs: number): readonly StateEntry[]
  apply(change: StateChange): void
}

interface Held {
  readonly value: Uint8Array
  readonly expiresAtMs: number | null
}

/** No entries yet. */
export function sortedEntries(): SortedEntries {
  const held = new Map<string, Held>()
  const keys: string[] = []

  const live = (key: string, nowMs: number): Uint8Array | undefined => {
    const entry = held.get(key)
    return entry && (entry.expiresAtMs === null || entry.expiresAtMs > nowMs) ? entry.value : undefined
  }

  return {
    get: live,
    range: (from, to, limit, nowMs) => {
      const found: StateEntry[] = []
      for (let at = firstNotBefore(keys, from); at < keys.length && found.length < limit; at++) {
        const key = keys[at]
        if (key === undefined || key >= to) break
        const value = live(key, nowMs)
        if (value) found.push({ key, value })
      }
      return found
    },
    apply: ({ key, value, expiresAtMs }) => {
      if (value === null) {
        if (held.delete(key)) keys.splice(firstNotBefore(keys, key), 1)
        return
      }
      if (!held.has(key)) keys.splice(firstNotBefore(keys, key), 0, key)
      held.set(key, { value, expiresAtMs })
    },
  }
}

function firstNotBefore(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((keys[middle] ?? '') < key) low = middle + 1
    else high = middle
  }
  return low
}
