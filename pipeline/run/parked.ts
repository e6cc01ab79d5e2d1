/** What throttle holds back, counted in its state. */
import type { CountState } from '../engine/log.js'
import type { Parked } from '../observe/metrics/delivery-observers.js'

/** Where throttle keeps them: stages/throttle/parking.ts. */
const waitingForTime = [['d/', 'd0']] as const
const waitingForDestination = [['w/', 'w0']] as const
/** Of each, at most. Counting more would take the time of whoever owns the state, and says no more to a person. */
const maxParked = 10_000

export function countParked(countState: CountState): Parked {
  return {
    time: countState('throttle', waitingForTime, maxParked),
    destination: countState('throttle', waitingForDestination, maxParked),
  }
}
