/** The wait in throttle as a span of its own: from when the stage before it, or deliver, let the delivery go until
 *  throttle did. It is made when it is over, from the trail, so it survives parking, restarts and other owners. */
import type { TrailEntry } from '../../../schemas/events.js'
import type { NewRecord } from '../../engine/log.js'
import { isSampled, traceOf } from '../../engine/trace-context.js'
import { tell } from './decisions.js'
import type { Recorder } from './recorder.js'
import { fieldsOf, isTroubled, trailOf } from './traced-event.js'

const throttle = 'throttle'
/** How a wait ends. */
const ends: ReadonlySet<string> = new Set(['released', 'expired', 'cancelled'])

/** Records the waits that end with these outputs of throttle. */
export function recordWaits(outputs: readonly NewRecord[], recorder: Recorder): void {
  const told = new Set<TrailEntry>()
  for (const { event } of outputs) {
    const trace = event ? traceOf(event) : null
    if (!event || trace === null) continue
    const sampled = isSampled(trace)
    if (!sampled && !isTroubled(event)) continue
    const trail = trailOf(event)
    const last = trail.at(-1)
    // A release is told twice: to deliver, and to record.
    if (last?.stage !== throttle || !ends.has(last.event) || told.has(last)) continue
    told.add(last)
    const before = trail.findLastIndex(({ stage }) => stage !== throttle)
    const waited = trail.slice(before + 1)
    const reasons = [...new Set(waited.flatMap(({ reason }) => reason ?? []))]
    const span = recorder.begin({
      name: 'wait in throttle',
      kind: 'internal',
      parent: trace,
      forced: !sampled,
      startMs: (trail[before] ?? last).atMs,
      fields: [{ 'carillon.stage': throttle, 'carillon.wait.reasons': reasons }, ...fieldsOf(event)],
    })
    tell(span, waited.slice(0, -1))
    span.end({ fields: { 'carillon.outcome': last.event }, endMs: last.atMs })
  }
}
