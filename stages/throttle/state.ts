/** What throttle knows from its start to its end, and the two things that become of a delivery: it is released, or it
 *  waits. What must outlive a crash is in the parked stores; the rest is learnt anew. */
import type { Delivery } from '../../schemas/events.js'
import { released, status } from '../../schemas/outgoing.js'
import type { Lane } from '../../schemas/streams.js'
import type { Scope, StageContext } from '../stage.js'
import { type Destination, destinationTo } from './destination.js'
import { type Gates, gates } from './gates.js'
import { type ParkedFor, waitedMs } from './observer.js'
import { type Parking, parking } from './parking.js'
import { type Patience, patience } from './patience.js'
import type { ThrottleOptions, ThrottlePorts } from './ports.js'
import { type Queues, queues } from './queues.js'
import { releasedStatus, withEntry } from './reports.js'
import type { In, Turn } from './turn.js'
import { type WishChecks, wishChecks } from './wishes.js'

export interface ThrottleState {
  readonly ports: ThrottlePorts
  readonly options: ThrottleOptions
  readonly gate: Gates
  /** What came and could not be decided yet, for it waits for credit. */
  readonly arrived: Queues<In>
  readonly creditWait: Patience
  readonly wishes: WishChecks
  /** Tokens and credit go around: among the scopes of a lane, and among the destinations of a scope. */
  readonly scopeServed: Map<Lane, Scope>
  readonly destinationServed: WeakMap<Scope, string>
  readonly parkedIn: (scope: Scope) => Parking
}

export function throttleState(
  { state, share }: StageContext,
  ports: ThrottlePorts,
  options: ThrottleOptions,
): ThrottleState {
  const stores = new WeakMap<Scope, Parking>()
  return {
    ports,
    options,
    gate: gates(ports.credit, options, share),
    arrived: queues<In>(),
    creditWait: patience(options.patienceMs),
    wishes: wishChecks(ports.wishes !== null),
    scopeServed: new Map(),
    destinationServed: new WeakMap(),
    parkedIn(scope) {
      const known = stores.get(scope)
      if (known) return known
      const opened = parking(state(scope))
      stores.set(scope, opened)
      return opened
    },
  }
}

export function destinationOf({ ports, options }: ThrottleState, delivery: Delivery): Destination {
  return destinationTo(delivery, ports.part(delivery), options.paceOf(delivery))
}

/** It goes to deliver, and takes the token and the credit of its destination. `reason`: what is special about it. */
export function release(
  { gate, creditWait, ports }: ThrottleState,
  turn: Turn,
  delivery: Delivery,
  destination: Destination,
  scope: Scope,
  reason: string | null = null,
): void {
  const { nowMs } = turn
  gate.pass(destination, scope, nowMs)
  creditWait.released(scope.lane, destination.channel)
  ports.observer.released(delivery, waitedMs(delivery, nowMs))
  const gone = withEntry(delivery, nowMs, 'released', reason, null)
  turn.tell(released(gone, nowMs), status(releasedStatus(gone, nowMs)))
}

/** The delivery as it waits. `untilMs`: for a time; null: for its destination. */
export function parkedEntry(
  { ports }: ThrottleState,
  { nowMs }: Turn,
  delivery: Delivery,
  reason: ParkedFor,
  untilMs: number | null,
): Delivery {
  ports.observer.parked(delivery, reason)
  // From the first hold by a breaker on it counts when it is given up.
  const held = reason === 'breaker-open' && delivery.triedFromMs === null
  return withEntry(held ? { ...delivery, triedFromMs: nowMs } : delivery, nowMs, 'parked', reason, untilMs)
}
