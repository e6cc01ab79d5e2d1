/** What becomes of the deliveries that wait in a scope: those whose time has come go, or wait for their destination; and
 *  each destination that is open lets some go, in the order in which they came. */
import { status } from '../../schemas/outgoing.js'
import type { Scope } from '../stage.js'
import { isExpired } from './decisions.js'
import { parseDestination } from './destination.js'
import type { Parked, Parking } from './parking.js'
import { endedStatus } from './reports.js'
import { destinationOf, parkedEntry, release, type ThrottleState } from './state.js'
import type { Turn } from './turn.js'
import { inTurn } from './turns.js'

/** Deliveries read at once, at most. */
const maxReleases = 256

export function releaseParked(state: ThrottleState, turn: Turn, scope: Scope): void {
  const store = state.parkedIn(scope)
  for (const parked of store.due(turn.nowMs, maxReleases)) becomeDue(state, turn, scope, store, parked)
  const dueMs = store.nextDueMs(turn.nowMs)
  if (dueMs !== null) turn.wakeWithin(dueMs - turn.nowMs)
  const names = [...store.destinations()]
  for (const name of inTurn(names, state.destinationServed.get(scope))) {
    turn.cutIfFull()
    drainDestination(state, turn, scope, store, name)
  }
}

function becomeDue(state: ThrottleState, turn: Turn, scope: Scope, store: Parking, parked: Parked): void {
  const { delivery } = parked
  const { nowMs } = turn
  store.remove(parked)
  if (isExpired(delivery, nowMs)) {
    turn.tell(status(endedStatus(delivery, 'expired', nowMs)))
    return
  }
  const destination = destinationOf(state, delivery)
  const gate = store.destinations().has(destination.name) ? null : state.gate.check(destination, scope, nowMs)
  if (gate?.open) {
    release(state, turn, delivery, destination, scope)
    return
  }
  const parkedOn = parkedEntry(state, turn, delivery, gate?.reason ?? 'behind-others', null)
  store.parkFor(destination.name, parkedOn, parked.sequence)
}

/** Lets so many go as its gate has room for, and says when it is worth looking again. */
function drainDestination(state: ThrottleState, turn: Turn, scope: Scope, store: Parking, name: string): void {
  const { gate } = state
  const { nowMs } = turn
  const destination = parseDestination(name)
  let now = gate.check(destination, scope, nowMs)
  const room = now.open ? Math.min(maxReleases, gate.room(destination, scope, nowMs)) : 0
  for (const parked of room === 0 ? [] : store.waiting(name, room)) {
    if (isExpired(parked.delivery, nowMs)) {
      turn.tell(status(endedStatus(parked.delivery, 'expired', nowMs)))
    } else {
      now = gate.check(destination, scope, nowMs)
      if (!now.open) break
      release(state, turn, parked.delivery, destination, scope)
      state.scopeServed.set(scope.lane, scope)
      state.destinationServed.set(scope, name)
    }
    store.remove(parked)
  }
  // Closed without a time: a change of credit will wake it.
  if (!now.open) turn.wakeWithin(now.retryInMs ?? Number.POSITIVE_INFINITY)
  else if (store.waiting(name, 1).length > 0) turn.wakeWithin(1)
}
