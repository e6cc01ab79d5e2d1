/** One partition of a way: its name, and the lane that its state belongs to. */
import { type Lane, type Way, wayName } from '../../schemas/topics.js'
import type { Assignment } from './log.js'

/** Its name, as in record ids: `notifications.requested.high-0`. */
export function nameOf({ way, partition }: Assignment): string {
  return `${wayName(way)}-${partition}`
}

/** The lane that its state belongs to: a way without lanes counts as normal. */
export function laneOf({ lane }: Way): Lane {
  return lane ?? 'normal'
}
