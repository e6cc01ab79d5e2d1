/** Counts the worker threads that each template version got killed, and keeps out those that did it too often.
 *  A version stays out until the process ends: the way back is a new version. */
import { LRUCache } from 'lru-cache'

export interface Quarantine {
  has(template: string): boolean
  /** A thread that rendered it was killed. */
  strike(template: string): void
  list(): readonly string[]
}

/** Killed threads after which a version is kept out. */
const strikesAllowed = 3
/** Versions remembered; beyond, the one that struck longest ago is forgotten. */
const rememberedVersions = 1_000

export function createQuarantine(): Quarantine {
  const strikes = new LRUCache<string, number>({ max: rememberedVersions })
  const isOut = (count: number | undefined) => count !== undefined && count >= strikesAllowed
  return {
    has: (template) => isOut(strikes.peek(template)),
    strike: (template) => void strikes.set(template, (strikes.get(template) ?? 0) + 1),
    list: () => [...strikes.rkeys()].filter((template) => isOut(strikes.peek(template))),
  }
}
