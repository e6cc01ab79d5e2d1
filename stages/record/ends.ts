/** Which deliveries ended with a merge, and how long that took. Pure. */
import type { Priority } from '../../schemas/events.js'
import type { Merged } from './changes.js'
import { endRank, stateShown } from './deliveries.js'
import type { KnownDelivery, RecordState } from './state.js'

/** One delivery that ended; or a notification that failed, or was suppressed, before it had any. */
export interface Ended {
  readonly priority: Priority
  /** delivered, sent, simulated, failed, expired, cancelled or suppressed. */
  readonly status: string
  /** From acceptance, or being due where that is later, in milliseconds. */
  readonly tookMs: number
}

/** Told of each end, once; of one whose merge was stored by a process that died then, never. Must not throw. */
export type EndObserver = (ended: Ended) => void

/** Ends that the record did not know before. `nowMs`: when it is stored. Of a notification whose acceptance nobody told,
 *  nothing is known. */
export function endsOf({ before, events, after }: Merged, nowMs: number): readonly Ended[] {
  const { summary } = after
  if (summary === null || !events.some(tellsEnd)) return []
  const { priority, acceptedAtMs, sendAtMs } = summary
  const tookMs = Math.max(0, nowMs - Math.max(acceptedAtMs, sendAtMs ?? 0))
  return statusesOf(before, after).map((status) => ({ priority, status, tookMs }))
}

function tellsEnd({ status, deliveries }: Merged['events'][number]): boolean {
  return isEarlyEnd(status) || deliveries.some(({ final }) => final)
}

function statusesOf(before: RecordState | undefined, after: RecordState): readonly string[] {
  const ended = after.deliveries.filter((one) => hasEnded(one) && !before?.deliveries.some(isSameEnded(one)))
  if (after.deliveries.length > 0 || before?.ends.some(({ status }) => isEarlyEnd(status))) {
    return ended.map(stateShown)
  }
  return after.ends.flatMap(({ status }) => (isEarlyEnd(status) ? [status] : [])).slice(0, 1)
}

function hasEnded({ final, status }: KnownDelivery): boolean {
  return final && endRank(status) >= 0
}

function isSameEnded({ id }: KnownDelivery): (other: KnownDelivery) => boolean {
  return (other) => other.id === id && hasEnded(other)
}

function isEarlyEnd(status: string | null): boolean {
  return status === 'failed' || status === 'suppressed'
}
