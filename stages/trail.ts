/** The trail rides along in the event, so it is bounded: of a delivery that is put off again and again, the beginning
 *  and the end are kept. What falls out was told in a status event before. */
import type { TrailEntry } from '../schemas/events.js'

const maxEntries = 48
const firstKept = 16

/** The trail with one more entry. */
export function extend(trail: readonly TrailEntry[], entry: TrailEntry): readonly TrailEntry[] {
  if (trail.length < maxEntries) return [...trail, entry]
  return [...trail.slice(0, firstKept), ...trail.slice(firstKept + 1), entry]
}
