/** Calls the provider of each record whose turn it is, and waits for the calls that an earlier life of the stage made.
 *
 *  Invariants: within one process an attempt is called once, however often its commit fails; where a provider cannot take
 *  a call twice, the intent is committed before the call. As many calls are under way as the queues let go. */
import { from, mergeMap, Observable, type OperatorFunction, of, type SchedulerLike } from 'rxjs'
import type { Delivery } from '../../schemas/events.js'
import { type Breakers, breakerKeys } from './breakers.js'
import type { CallTracer } from './call-tracer.js'
import type { Call } from './classification.js'
import { type LoadSignal, loadSignalOf } from './concurrency-limiter.js'
import type { InFlightCalls } from './in-flight-calls.js'
import type { SendResult } from './providers/provider.js'
import { faultOf, send } from './send.js'
import type { CallInFlight, Result, Turn } from './work.js'

export interface CallProviderPorts {
  readonly clock: SchedulerLike
  /** Why a delivery is not called any more; null: it is. */
  readonly endOf: (delivery: Delivery, nowMs: number) => 'expired' | 'gave-up' | null
  readonly circuit: Breakers
  readonly inFlight: InFlightCalls
  readonly tracer: CallTracer
}

/** How long a call that an open breaker refuses holds its place in the queue. So what was out goes back little by little,
 *  and all of it together does not stand before the others of its lane. */
const refusalPauseMs = 10

export function callProvider(ports: CallProviderPorts): OperatorFunction<Turn | CallInFlight | Result, Result> {
  return mergeMap((work) => {
    if (work.kind === 'turn') return callInTurn(work, ports)
    if (work.kind === 'in-flight') return from(resultOf(work, work.call, ports))
    return of(work)
  })
}

function callInTurn(turn: Turn, ports: CallProviderPorts): Observable<Result> {
  const { record, binding, ended } = turn
  const { delivery } = record.value
  return new Observable((subscriber) => {
    const end = (result: Result) => {
      subscriber.next(result)
      subscriber.complete()
      ended(signalOf(result))
    }
    const begin = () => {
      if (subscriber.closed) return
      const call = callOnce(turn, ports)
      ports.inFlight.add(delivery, call)
      void resultOf(turn, call, ports).then(end)
    }
    const over = ports.endOf(delivery, ports.clock.now())
    if (over !== null) end({ kind: over, record })
    else if (binding.policy.onUnknown === 'park') subscriber.next({ kind: 'intended', record, committed: begin })
    else begin()
  })
}

/** Null where a breaker is open. */
async function callOnce(
  { record, binding }: Turn,
  { clock, circuit, tracer }: CallProviderPorts,
): Promise<Call | null> {
  const keys = breakerKeys(record.value.delivery, binding.provider)
  let startedMs = clock.now()
  let permission = circuit.begin(keys, startedMs)
  if (permission === 'refused') {
    await new Promise<void>((resolve) => clock.schedule(() => resolve(), refusalPauseMs))
    // Meanwhile a probe may have been answered well.
    startedMs = clock.now()
    permission = circuit.begin(keys, startedMs)
  }
  if (permission === 'refused') return null
  let result: SendResult | null = null
  try {
    result = await send(record, binding, clock, tracer)
  } finally {
    circuit.ended(keys, permission, result, clock.now())
  }
  return { result, startedMs, latencyMs: clock.now() - startedMs }
}

/** What a call came to; never rejects. */
async function resultOf(
  { record, binding }: Pick<Turn, 'record' | 'binding'>,
  made: Promise<Call | null>,
  { circuit }: CallProviderPorts,
): Promise<Result> {
  try {
    const call = await made
    if (call) return { kind: 'called', record, call }
    const keys = breakerKeys(record.value.delivery, binding.provider)
    return { kind: 'refused', record, retryAtMs: circuit.retryAtMs(keys) }
  } catch (error) {
    return { kind: 'failed', record, cause: 'provider-fault', detail: faultOf(error) }
  }
}

function signalOf(result: Result): LoadSignal {
  if (result.kind === 'called') return loadSignalOf(result.call.result)
  return result.kind === 'failed' ? 'overloaded' : 'not-called'
}
