/** Joins trails: a set of entries in order of time, capped. */
import type { TrailEntry } from '../../schemas/events.js'

/** How many entries are kept from the beginning, and as many from the end. */
export const trailKeptAtEachEnd = 100

/** The stages in the order of the flow: what happened in the same millisecond is shown in this order. */
const flow = ['ingress', 'dedupe', 'enrich-template', 'route', 'throttle', 'deliver', 'record']

/** The union of trails. Beyond the cap the middle goes: what is among the first or last of a union is among the first
 *  or last of a part, so the cap cares about order no more than the union does. */
export function mergeTrails(trails: readonly (readonly TrailEntry[])[]): readonly TrailEntry[] {
  const all = trails.flat().sort(compareEntries)
  const entries: TrailEntry[] = []
  let last: TrailEntry | undefined
  for (const entry of all) {
    if (last && compareEntries(last, entry) === 0) continue
    if (entry.stage === 'record' && entries.some((known) => isSameRecording(known, entry))) continue
    entries.push(entry)
    last = entry
  }
  if (entries.length <= 2 * trailKeptAtEachEnd) return entries
  return [...entries.slice(0, trailKeptAtEachEnd), ...entries.slice(-trailKeptAtEachEnd)]
}

/** A merge that is repeated after a crash says again, later, that it recorded. */
function isSameRecording(a: TrailEntry, b: TrailEntry): boolean {
  return a.stage === b.stage && a.event === b.event && a.channel === b.channel
}

/** A total order: 0 only for equal entries. */
function compareEntries(a: TrailEntry, b: TrailEntry): number {
  return (
    a.atMs - b.atMs ||
    (a.stage === b.stage ? 0 : flow.indexOf(a.stage) - flow.indexOf(b.stage)) ||
    compareTexts(a.stage, b.stage) ||
    compareTexts(a.event, b.event) ||
    compareTexts(a.channel, b.channel) ||
    compareTexts(a.reason, b.reason) ||
    compareTexts(a.detail, b.detail)
  )
}

/** By code units, null first: the same on every machine. */
export function compareTexts(a: string | null, b: string | null): number {
  if (a === b) return 0
  if (a === null) return -1
  if (b === null) return 1
  return a < b ? -1 : 1
}
