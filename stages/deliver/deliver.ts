/** Calls the providers, each at its own pace, and decides what their answers mean.
 *
 *  Invariants: a call's outcome commits with what is told of it, so a record read again is called again only where
 *  that commit never was; a slow provider holds up nobody else's queue; retries and deferrals go back through throttle. */
import { defer, finalize, map, merge, type OperatorFunction, Subject } from 'rxjs'
import type { Delivery, ProviderHealth } from '../../schemas/events.js'
import { providerHealth, providerHealthForgotten } from '../../schemas/outgoing.js'
import type { Batch, Scope, Stage, StageContext } from '../stage.js'
import { type BreakerOptions, Breakers } from './breakers.js'
import { callProvider } from './call-provider.js'
import { type CallTracer, untraced } from './call-tracer.js'
import type { Call, RetryAfterBounds } from './classification.js'
import { type InFlightCalls, inFlightCalls } from './in-flight-calls.js'
import { type Ledger, ledger } from './ledger.js'
import type { DeliverObserver, ProviderLoad } from './observer.js'
import type { ProviderBinding } from './providers/provider.js'
import { type ProviderQueues, type QueueByProviderOptions, queueByProvider } from './queue-by-provider.js'
import { isGivenUp, type RetrySchedule } from './retry-schedule.js'
import { skipKnown } from './skip-known.js'
import { type DeliverOut, type DeliverStep, turnIntoStep } from './turn-into-step.js'

export interface DeliverOptions extends Pick<QueueByProviderOptions, 'limitsOf' | 'paceOf'> {
  /** When a delivery is tried again, and when it is given up. */
  readonly retryOf: (delivery: Delivery) => RetrySchedule
  readonly bounds: RetryAfterBounds
  readonly breaker: BreakerOptions
  /** How long outcomes are kept, in milliseconds: as long as the input can be read again, and as the longest retries. */
  readonly ledgerMemoryMs: number
}

export interface DeliverPorts {
  /** By provider name. */
  readonly bindings: ReadonlyMap<string, ProviderBinding>
  /** Told of every call, for metrics. Must not throw. */
  readonly called: (delivery: Delivery, call: Call) => void
  readonly observer: DeliverObserver
  /** Follows calls, for traces. */
  readonly tracer?: CallTracer
}

type In = 'delivery-released'

export function deliver(ports: DeliverPorts, options: DeliverOptions): Stage<In, DeliverOut> {
  // Calls outlive a life of the stage: the next one in this process knows what was called.
  const inFlight = inFlightCalls()
  const operator = (context: StageContext) => deliverOnce(context, ports, options, inFlight)
  return { name: 'deliver', input: 'deliveries.released', operator, durable: true }
}

/** One life of the stage. */
function deliverOnce(
  context: StageContext,
  { bindings, called, observer, tracer = untraced }: DeliverPorts,
  { retryOf, bounds, breaker, ledgerMemoryMs, ...pacing }: DeliverOptions,
  inFlight: InFlightCalls,
): OperatorFunction<Batch<In>, DeliverStep> {
  const { clock } = context
  const endOf = (delivery: Delivery, nowMs: number) => {
    if (delivery.expiresAtMs !== null && delivery.expiresAtMs <= nowMs) return 'expired'
    if (delivery.triedFromMs === null) return null
    return isGivenUp(delivery, retryOf(delivery), nowMs) ? 'gave-up' : null
  }
  return (batches) =>
    defer(() => {
      const healthChanged = new Subject<ProviderHealth>()
      const circuit = new Breakers(breaker, (health) => healthChanged.next(health))
      const queues: ProviderQueues = new Map()
      const ledgerOf = ledgersIn(context, ledgerMemoryMs)
      const ended = observer.began(() => loads(bindings, queues, circuit))
      const steps = batches.pipe(
        skipKnown({ bindings, ledgerOf, inFlight }),
        queueByProvider(context, bindings, queues, { ...pacing, cautious: breaker.failures }),
        callProvider({ clock, endOf, circuit, inFlight, tracer }),
        turnIntoStep({ context, ledgerOf, inFlight, tracer, called, observer, retryOf, bounds }),
        finalize(() => healthChanged.complete()),
      )
      return merge(healthSteps(healthChanged, context), steps).pipe(finalize(ended))
    })
}

/** Subscribed first: what changes with the first call is told. */
function healthSteps(changes: Subject<ProviderHealth>, { takeChanges }: StageContext) {
  return changes.pipe(
    map((health): DeliverStep => {
      const news = providerHealth(health)
      const outputs = health.state === 'closed' ? [news, providerHealthForgotten(health)] : [news]
      return { acked: [], outputs, changes: takeChanges(), drops: [], deadLetters: [] }
    }),
  )
}

function ledgersIn({ state }: StageContext, memoryMs: number): (scope: Scope) => Ledger {
  const ledgers = new WeakMap<Scope, Ledger>()
  return (scope) => {
    let found = ledgers.get(scope)
    if (!found) {
      found = ledger(state(scope), memoryMs)
      ledgers.set(scope, found)
    }
    return found
  }
}

/** Of a provider that was not called yet. */
const idle = { calling: 0, waiting: 0 } as const

function loads(
  bindings: ReadonlyMap<string, ProviderBinding>,
  queues: ProviderQueues,
  circuit: Breakers,
): readonly ProviderLoad[] {
  return [...bindings.keys()].map((provider) => {
    const { calling, waiting } = queues.get(provider)?.load() ?? idle
    return { provider, calling, waiting, breakers: circuit.count(provider) }
  })
}
