/** The name of one partition of a way: `notifications.requested.high-0`. */
import { wayName } from '../../schemas/topics.js'
import type { Assignment } from '../engine/log.js'

/** The name, as in record ids. */
export function nameOf({ way, partition }: Assignment): string {
  return `${wayName(way)}-${partition}`
}
