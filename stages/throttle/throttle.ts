/** Owns time: parks what is not due or not allowed yet, and releases what is, high lanes first.
 *
 *  Invariants: what can go at once never touches the state; nothing overtakes a delivery of its lane that waits for
 *  the same destination; nothing is dropped for a limit; a step settles exactly the inputs it decided on. */
import { Observable, type Observer, type OperatorFunction, Subscription, timer } from 'rxjs'
import type { CancelRequested, Delivery, ProviderHealth } from '../../schemas/events.js'
import { type Outgoing, released, status } from '../../schemas/outgoing.js'
import { type Lane, lanes } from '../../schemas/streams.js'
import type { PaceClass } from '../shared-limits.js'
import type { Batch, Drop, InputRecord, Scope, Stage, StageContext, Step } from '../stage.js'
import { type Destination, destinationTo, parseDestination } from './destination.js'
import { type ClosedGate, type Credit, type GateOptions, gates } from './gates.js'
import { type ParkedFor, type ThrottleObserver, waitedMs } from './observer.js'
import { isExpired, type Parked, type Parking, parking, sequenceOf } from './parking.js'
import { patience } from './patience.js'
import { queues } from './queues.js'
import { endedStatus, refusedStatus, releasedStatus, waitingStatus, withEntry } from './reports.js'
import { inTurn } from './turns.js'

export interface ThrottleOptions extends GateOptions {
  readonly paceOf: (delivery: Delivery) => PaceClass
  /** How long a whole lane waits for credit before the delivery in front is parked, so that others may pass. */
  readonly patienceMs: number
  /** How long a cancel is remembered: longer than any delivery is retried. */
  readonly cancelMemoryMs: number
}

export interface ThrottlePorts {
  readonly credit: Credit
  /** Fires when credit may have come back. */
  readonly creditChanged: Observable<void>
  readonly health: Observable<ProviderHealth>
  /** What the provider's breaker tells apart for this delivery; null: the whole provider. */
  readonly part: (delivery: Delivery) => string | null
  readonly observer: ThrottleObserver
}

type In = 'delivery-routed' | 'cancel-requested'
type Out = 'delivery-released' | 'notification-status'

/** Releases of one step at most, so that a step stays small. */
const maxReleases = 256
/** Time is looked at again at least this often while something waits. */
const longestNapMs = 60_000

export function throttle(ports: ThrottlePorts, options: ThrottleOptions): Stage<In, Out> {
  const operator =
    (context: StageContext): OperatorFunction<Batch<In>, Step<In, Out>> =>
    (batches) =>
      new Observable((subscriber) => {
        const run = throttleRun(context, ports, options, subscriber)
        const subscription = new Subscription()
        subscription.add(ports.creditChanged.subscribe(run.wake))
        subscription.add(ports.health.subscribe(run.heard))
        subscription.add(context.revoked.subscribe(run.release))
        subscription.add(
          batches.subscribe({
            next: ({ records }) => run.take(records),
            error: (error: unknown) => subscriber.error(error),
            complete: () => subscriber.complete(),
          }),
        )
        subscription.add(run.stop)
        run.wake()
        return subscription
      })
  return { name: 'throttle', input: 'deliveries.routed', operator, durable: false }
}

/** One life: what waits in memory, and the timer. */
function throttleRun(
  context: StageContext,
  ports: ThrottlePorts,
  options: ThrottleOptions,
  subscriber: Observer<Step<In, Out>>,
) {
  const gate = gates(ports.credit, options, context.share)
  const parkings = new WeakMap<Scope, Parking>()
  /** Tokens and credit go around: among the scopes of a lane, and among the destinations of a scope. */
  const scopeServed = new Map<Lane, Scope>()
  const destinationServed = new WeakMap<Scope, string>()
  const waiting = queues<In>()
  const patient = patience(options.patienceMs)
  let outputs: Outgoing<Out>[] = []
  let acked: InputRecord<In>[] = []
  let drops: Drop<In>[] = []
  let napMs = longestNapMs
  let nap = new Subscription()
  let retired = false

  return {
    take(records: readonly InputRecord<In>[]) {
      for (const record of records) waiting.add(record)
      wake()
    },
    heard(health: ProviderHealth) {
      gate.heard(health)
      wake()
    },
    release: (scopes: readonly Scope[]) => context.release(waiting.remove(scopes)),
    wake,
    stop() {
      retired = true
      nap.unsubscribe()
    },
  }

  /** Does all that can be done now, and sets the timer for the rest. */
  function wake(): void {
    if (retired) return
    try {
      work()
    } catch (error) {
      retired = true
      subscriber.error(error)
    }
  }

  function work(): void {
    const nowMs = context.clock.now()
    napMs = longestNapMs
    for (const lane of lanes) {
      const scopes = context.scopes().filter((scope) => scope.lane === lane)
      for (const scope of inTurn(scopes, scopeServed.get(lane))) releaseParked(scope, nowMs)
      takeQueue(lane, nowMs)
    }
    flush()
    nap.unsubscribe()
    nap = timer(Math.max(1, napMs), context.clock).subscribe(wake)
  }

  function takeQueue(lane: Lane, nowMs: number): void {
    let taken = 0
    for (const record of waiting.in(lane)) {
      if (outputs.length >= 2 * maxReleases) flush()
      const done = record.event === 'cancel-requested' ? cancel(record, nowMs) : decide(record, nowMs)
      if (!done) break
      taken++
    }
    waiting.shift(lane, taken)
  }

  /** False: it must wait where it is, for credit. */
  function decide(record: InputRecord<In> & { readonly event: 'delivery-routed' }, nowMs: number): boolean {
    const { delivery } = record.value
    const { scope } = record
    const place = parkingOf(scope)
    const again = delivery.attempts.length > 0 || delivery.deferrals > 0
    if (again && place.isCancelled(delivery.notificationId)) return end(record, delivery, 'cancelled', nowMs)
    if (isExpired(delivery, nowMs)) return end(record, delivery, 'expired', nowMs)
    if (delivery.notBeforeMs !== null && delivery.notBeforeMs > nowMs) {
      const parked = parkedEntry(delivery, nowMs, again ? 'retry' : 'send-at', delivery.notBeforeMs)
      place.parkUntil(parked, delivery.notBeforeMs, sequenceOf(record))
      napAtMost(delivery.notBeforeMs - nowMs)
      if (!again) outputs.push(status(waitingStatus(parked, nowMs)))
      return ack(record)
    }
    return pass(record, delivery, place, nowMs)
  }

  function pass(record: InputRecord<In>, delivery: Delivery, place: Parking, nowMs: number): boolean {
    const { scope } = record
    const destination = destinationOf(delivery)
    const queued = place.destinations().has(destination.name)
    const state = gate.check(destination, scope, nowMs)
    if (state.open && !queued) {
      release(delivery, destination, scope, nowMs)
      return ack(record)
    }
    if (state.open || state.reason === 'credit') {
      const leftMs = patient.leftMs(scope.lane, destination.channel, queued, nowMs)
      if (leftMs !== null) {
        napAtMost(Math.max(1, leftMs))
        return false
      }
    }
    const reason = queued || state.open ? 'behind-others' : state.reason
    const parked = parkedEntry(delivery, nowMs, reason, null)
    if (reason === 'breaker-open') outputs.push(status(waitingStatus(parked, nowMs)))
    place.parkFor(destination.name, parked, sequenceOf(record))
    if (!state.open && state.retryInMs !== null) napAtMost(state.retryInMs)
    return ack(record)
  }

  function parkedEntry(delivery: Delivery, nowMs: number, reason: ParkedFor, untilMs: number | null): Delivery {
    ports.observer.parked(delivery, reason)
    // From the first hold by a breaker on it counts when it is given up.
    const held = reason === 'breaker-open' && delivery.triedFromMs === null
    return withEntry(held ? { ...delivery, triedFromMs: nowMs } : delivery, nowMs, 'parked', reason, untilMs)
  }

  function releaseParked(scope: Scope, nowMs: number): void {
    const place = parkingOf(scope)
    for (const parked of place.due(nowMs, maxReleases)) becomeDue(parked, place, scope, nowMs)
    const dueMs = place.nextDueMs(nowMs)
    if (dueMs !== null) napAtMost(dueMs - nowMs)
    const names = [...place.destinations()]
    for (const name of inTurn(names, destinationServed.get(scope))) drainDestination(name, place, scope, nowMs)
  }

  function becomeDue(parked: Parked, place: Parking, scope: Scope, nowMs: number): void {
    const { delivery } = parked
    const destination = destinationOf(delivery)
    place.remove(parked)
    if (isExpired(delivery, nowMs)) return void outputs.push(status(endedStatus(delivery, 'expired', nowMs)))
    const state = place.destinations().has(destination.name) ? null : gate.check(destination, scope, nowMs)
    if (state?.open) {
      release(delivery, destination, scope, nowMs)
    } else {
      const parkedOn = parkedEntry(delivery, nowMs, state?.reason ?? 'behind-others', null)
      place.parkFor(destination.name, parkedOn, Number(parked.key.slice(-16)))
    }
  }

  function drainDestination(name: string, place: Parking, scope: Scope, nowMs: number): void {
    const destination = parseDestination(name)
    const first = gate.check(destination, scope, nowMs)
    if (!first.open) return void napUntil(first)
    for (const parked of place.waiting(name, Math.min(maxReleases, gate.room(destination, scope, nowMs)))) {
      if (isExpired(parked.delivery, nowMs)) {
        outputs.push(status(endedStatus(parked.delivery, 'expired', nowMs)))
      } else {
        const state = gate.check(destination, scope, nowMs)
        if (!state.open) return void napUntil(state)
        release(parked.delivery, destination, scope, nowMs)
        scopeServed.set(scope.lane, scope)
        destinationServed.set(scope, name)
      }
      place.remove(parked)
    }
    if (place.waiting(name, 1).length > 0) napAtMost(1)
  }

  function release(delivery: Delivery, destination: Destination, scope: Scope, nowMs: number): void {
    gate.pass(destination, scope, nowMs)
    patient.released(scope.lane, destination.channel)
    ports.observer.released(delivery, waitedMs(delivery, nowMs))
    const gone = withEntry(delivery, nowMs, 'released', null, null)
    outputs.push(released(gone, nowMs), status(releasedStatus(gone, nowMs)))
  }

  function cancel(record: InputRecord<In> & { readonly event: 'cancel-requested' }, nowMs: number): true {
    const place = parkingOf(record.scope)
    const command: CancelRequested = record.value
    const held = place.ofNotification(command.id)
    for (const parked of held) {
      place.remove(parked)
      outputs.push(status(endedStatus(parked.delivery, 'cancelled', nowMs)))
    }
    place.markCancelled(command.id, nowMs + options.cancelMemoryMs)
    if (held.length === 0) outputs.push(status(refusedStatus(command, nowMs)))
    return ack(record)
  }

  function end(record: InputRecord<In>, delivery: Delivery, how: 'expired' | 'cancelled', nowMs: number): true {
    outputs.push(status(endedStatus(delivery, how, nowMs)))
    drops.push({ record, reason: how })
    return ack(record)
  }

  function ack(record: InputRecord<In>): true {
    acked.push(record)
    return true
  }

  function flush(): void {
    const changes = context.takeChanges()
    if (outputs.length === 0 && acked.length === 0 && changes.length === 0) return
    const step = { acked, outputs, changes, drops, deadLetters: [] }
    outputs = []
    acked = []
    drops = []
    subscriber.next(step)
  }

  function parkingOf(scope: Scope): Parking {
    let place = parkings.get(scope)
    if (!place) {
      place = parking(context.state(scope))
      parkings.set(scope, place)
    }
    return place
  }

  function destinationOf(delivery: Delivery): Destination {
    return destinationTo(delivery, ports.part(delivery), options.paceOf(delivery))
  }

  /** Closed without a time: a change of credit will wake it. */
  function napUntil({ retryInMs }: ClosedGate): void {
    napAtMost(retryInMs ?? longestNapMs)
  }

  function napAtMost(ms: number): void {
    napMs = Math.min(napMs, ms)
  }
}
