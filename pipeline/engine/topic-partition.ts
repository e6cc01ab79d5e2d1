/** One partition of a way: its name, and the lane that its state belongs to. */
import { type Lane, type Topic, topicName } from '../../schemas/streams.js'
import type { Assignment } from './log.js'

/** Its name, as in record ids: `notifications.requested.high-0`. */
export function nameOf({ topic, partition }: Assignment): string {
  return `${topicName(topic)}-${partition}`
}

/** The lane that its state belongs to: a way without lanes counts as normal. */
export function laneOf({ lane }: Topic): Lane {
  return lane ?? 'normal'
}
