/** What becomes of the deliveries that wait in a scope: those whose time has come go, or wait for their destination; and
 *  each destination that is open lets some go, in the order in which they came. */
import type { Delivery } from '../../schemas/events.js'
import { status } from '../../schemas/outgoing.js'
import type { Scope } from '../stage.js'
import { isExpired } from './decisions.js'
import { type Destination, parseDestination } from './destination.js'
import type { Parked, Parking } from './parking.js'
import { endedStatus } from './reports.js'
import { destinationOf, parkedEntry, release, type ThrottleState } from './state.js'
import type { Turn } from './turn.js'
import { inTurn } from './turns.js'

/** Deliveries read at once, at most. */
const maxReleases = 256

/** While an answer is awaited nothing tells when what waits behind is due. */
const lookWhilePendingMs = 100

export function releaseParked(state: ThrottleState, turn: Turn, scope: Scope): void {
  const store = state.parkedIn(scope)
  let pending = 0
  for (const parked of store.due(turn.nowMs, maxReleases + state.wishes.pending())) {
    if (!becomeDue(state, turn, scope, store, parked)) pending++
  }
  const dueMs = store.nextDueMs(turn.nowMs)
  if (pending > 0) turn.wakeWithin(lookWhilePendingMs)
  else if (dueMs !== null) turn.wakeWithin(dueMs - turn.nowMs)
  const names = [...store.destinations()]
  for (const name of inTurn(names, state.destinationServed.get(scope))) {
    turn.cutIfFull()
    drainDestination(state, turn, scope, store, name)
  }
}

/** False: it stays where it is until it is known whether it is still wanted. */
function becomeDue(state: ThrottleState, turn: Turn, scope: Scope, store: Parking, parked: Parked): boolean {
  const { delivery } = parked
  const { nowMs } = turn
  const destination = destinationOf(state, delivery)
  const gate = store.destinations().has(destination.name) ? null : state.gate.check(destination, scope, nowMs)
  if (gate?.open || isExpired(delivery, nowMs)) {
    if (!leave(state, turn, scope, destination, delivery)) return false
    store.remove(parked)
    return true
  }
  store.remove(parked)
  const parkedOn = parkedEntry(state, turn, delivery, gate?.reason ?? 'behind-others', null)
  store.parkFor(destination.name, parkedOn, parked.sequence)
  return true
}

/** Ends it, or lets it go. False: neither, as long as it is not known whether it is still wanted. */
function leave(
  state: ThrottleState,
  turn: Turn,
  scope: Scope,
  destination: Destination,
  delivery: Delivery,
): 'ended' | 'released' | false {
  const { nowMs } = turn
  if (isExpired(delivery, nowMs)) {
    turn.tell(status(endedStatus(delivery, 'expired', nowMs)))
    return 'ended'
  }
  const wish = state.wishes.of(delivery, nowMs)
  switch (wish.kind) {
    case 'pending':
      return false
    case 'unwanted':
      turn.tell(status(endedStatus(delivery, 'suppressed', nowMs, wish.reason)))
      return 'ended'
    case 'unchecked':
    case 'wanted':
      release(state, turn, delivery, destination, scope, wish.kind === 'unchecked' ? 'preferences-unchecked' : null)
      return 'released'
  }
}

/** Lets so many go as its gate has room for, and says when it is worth looking again. */
function drainDestination(state: ThrottleState, turn: Turn, scope: Scope, store: Parking, name: string): void {
  const { gate } = state
  const { nowMs } = turn
  const destination = parseDestination(name)
  let now = gate.check(destination, scope, nowMs)
  const room = now.open ? Math.min(maxReleases, gate.room(destination, scope, nowMs)) : 0
  let isPending = false
  for (const parked of room === 0 ? [] : store.waiting(name, room)) {
    // Nothing overtakes it. What stands behind is asked about in the same question.
    if (isPending) {
      state.wishes.of(parked.delivery, nowMs)
      continue
    }
    now = gate.check(destination, scope, nowMs)
    if (!now.open && !isExpired(parked.delivery, nowMs)) break
    const left = leave(state, turn, scope, destination, parked.delivery)
    isPending = left === false
    if (isPending) continue
    store.remove(parked)
    if (left !== 'released') continue
    state.scopeServed.set(scope.lane, scope)
    state.destinationServed.set(scope, name)
  }
  // Closed without a time: a change of credit will wake it.
  if (isPending) turn.wakeWithin(lookWhilePendingMs)
  else if (!now.open) turn.wakeWithin(now.retryInMs ?? Number.POSITIVE_INFINITY)
  else if (store.waiting(name, 1).length > 0) turn.wakeWithin(1)
}
