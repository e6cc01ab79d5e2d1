/** Shares one poll out among lanes: high first, but nobody starves. */
import { type Lane, lanes } from '../../schemas/streams.js'

/** The part of a poll that a lane gets at least, while it has records waiting. The rest goes to the highest. */
export const minimumShare: Readonly<Record<Lane, number>> = { high: 0.6, normal: 0.1, low: 0.05 }

/** How many records each lane gives to a poll of at most `max`, from what waits in each. A way without a lane counts
 *  as normal. Every waiting lane gets at least one record where `max` allows. */
export function shareOut(max: number, waiting: Readonly<Record<Lane, number>>): Record<Lane, number> {
  const quota = { high: 0, normal: 0, low: 0 }
  let left = max
  for (const lane of lanes) {
    quota[lane] = Math.min(waiting[lane], left, Math.max(1, Math.floor(max * minimumShare[lane])))
    left -= quota[lane]
  }
  for (const lane of lanes) {
    const more = Math.min(waiting[lane] - quota[lane], left)
    quota[lane] += more
    left -= more
  }
  return quota
}
