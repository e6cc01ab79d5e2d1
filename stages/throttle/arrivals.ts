/** What becomes of the records of a lane as they come: each is released, parked, ended or applied, until one has to wait
 *  where it is. What can go at once never touches the parked store. */
import type { Delivery } from '../../schemas/events.js'
import { status } from '../../schemas/outgoing.js'
import type { Lane } from '../../schemas/streams.js'
import type { InputRecord } from '../stage.js'
import { type DestinationDecision, decideByDestination, decideByTime, type TimeDecision } from './decisions.js'
import type { Destination } from './destination.js'
import { type Parking, sequenceOf } from './parking.js'
import { endedStatus, refusedStatus, waitingStatus } from './reports.js'
import { destinationOf, parkedEntry, release, type ThrottleState } from './state.js'
import type { In, Turn } from './turn.js'

type Arrival = InputRecord<In> & { readonly event: 'delivery-routed' }
type Cancel = InputRecord<In> & { readonly event: 'cancel-requested' }

/** Takes the lane's records up to the first that waits for credit. */
export function takeArrivals(state: ThrottleState, turn: Turn, lane: Lane): void {
  let taken = 0
  for (const record of state.arrived.in(lane)) {
    turn.cutIfFull()
    const isDone = record.event === 'cancel-requested' ? cancel(state, turn, record) : arrive(state, turn, record)
    if (!isDone) break
    taken++
  }
  state.arrived.shift(lane, taken)
}

/** False: it stays where it is, and so does what came after it. */
function arrive(state: ThrottleState, turn: Turn, record: Arrival): boolean {
  const { delivery } = record.value
  const { scope } = record
  const { nowMs } = turn
  const store = state.parkedIn(scope)
  const byTime = decideByTime(delivery, store.isCancelled, nowMs)
  if (byTime !== null) return applyTime(state, turn, record, store, byTime)
  const destination = destinationOf(state, delivery)
  const queued = store.destinations().has(destination.name)
  const decision = decideByDestination(state.gate.check(destination, scope, nowMs), queued, () =>
    state.creditWait.leftMs(scope.lane, destination.channel, queued, nowMs),
  )
  return applyDestination(state, turn, record, store, destination, decision)
}

function applyTime(state: ThrottleState, turn: Turn, record: Arrival, store: Parking, decision: TimeDecision): true {
  const { delivery } = record.value
  const { nowMs } = turn
  if (decision.kind === 'end') {
    turn.tell(status(endedStatus(delivery, decision.how, nowMs)))
    turn.drop(record, decision.how)
    return true
  }
  const { reason, untilMs } = decision
  const parked = parkedEntry(state, turn, delivery, reason, untilMs)
  store.parkUntil(parked, untilMs, sequenceOf(record))
  turn.wakeWithin(untilMs - nowMs)
  if (reason === 'send-at') turn.tell(status(waitingStatus(parked, nowMs)))
  turn.ack(record)
  return true
}

function applyDestination(
  state: ThrottleState,
  turn: Turn,
  record: Arrival,
  store: Parking,
  destination: Destination,
  decision: DestinationDecision,
): boolean {
  const delivery: Delivery = record.value.delivery
  switch (decision.kind) {
    case 'hold':
      turn.wakeWithin(decision.forMs)
      return false
    case 'release':
      release(state, turn, delivery, destination, record.scope)
      break
    case 'park-for': {
      const parked = parkedEntry(state, turn, delivery, decision.reason, null)
      if (decision.reason === 'breaker-open') turn.tell(status(waitingStatus(parked, turn.nowMs)))
      store.parkFor(destination.name, parked, sequenceOf(record))
      if (decision.retryInMs !== null) turn.wakeWithin(decision.retryInMs)
      break
    }
  }
  turn.ack(record)
  return true
}

/** Ends what waits of the notification, and is remembered for what comes back of it. */
function cancel(state: ThrottleState, turn: Turn, record: Cancel): true {
  const command = record.value
  const { nowMs } = turn
  const store = state.parkedIn(record.scope)
  const held = store.ofNotification(command.id)
  for (const parked of held) {
    store.remove(parked)
    turn.tell(status(endedStatus(parked.delivery, 'cancelled', nowMs)))
  }
  store.markCancelled(command.id, nowMs + state.options.cancelMemoryMs)
  if (held.length === 0) turn.tell(status(refusedStatus(command, nowMs)))
  turn.ack(record)
  return true
}
