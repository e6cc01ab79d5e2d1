/** Turns what came of a record into the step that tells of it. Retries and deferrals go back through throttle.
 *
 *  Invariant: a call's outcome is in the ledger by the step that tells of it. */
import { map, type OperatorFunction } from 'rxjs'
import type { Delivery } from '../../schemas/events.js'
import { type Outgoing, routed, status } from '../../schemas/outgoing.js'
import type { DeadRecord, Scope, StageContext, Step } from '../stage.js'
import type { CallTracer } from './call-tracer.js'
import { type Call, classify, type RetryAfterBounds } from './classification.js'
import type { InFlightCalls } from './in-flight-calls.js'
import type { Ledger } from './ledger.js'
import type { DeliverObserver } from './observer.js'
import { type Note, noted, noteOf, report } from './reports.js'
import type { RetrySchedule } from './retry-schedule.js'
import type { ReleasedRecord, Result } from './work.js'

type In = 'delivery-released'
export type DeliverOut = 'delivery-routed' | 'notification-status' | 'provider-health'
export type DeliverStep = Step<In, DeliverOut>

export interface TurnIntoStepPorts {
  readonly context: Pick<StageContext, 'clock' | 'random' | 'takeChanges'>
  readonly ledgerOf: (scope: Scope) => Ledger
  readonly inFlight: InFlightCalls
  readonly tracer: CallTracer
  /** Told of every call, for metrics. Must not throw. */
  readonly called: (delivery: Delivery, call: Call) => void
  readonly observer: DeliverObserver
  readonly retryOf: (delivery: Delivery) => RetrySchedule
  readonly bounds: RetryAfterBounds
}

export function turnIntoStep(ports: TurnIntoStepPorts): OperatorFunction<Result, DeliverStep> {
  return map((result) => stepOf(result, ports.context.clock.now(), ports))
}

function stepOf(result: Result, nowMs: number, ports: TurnIntoStepPorts): DeliverStep {
  switch (result.kind) {
    case 'known':
      return step(ports, result.records, [])
    case 'intended':
      ports.ledgerOf(result.record.scope).intend(result.record.value.delivery, nowMs)
      return step(ports, [], [], [], result.committed)
    case 'called':
      return afterCall(result.record, result.call, nowMs, ports)
    case 'refused':
      return deferred(result.record, result.retryAtMs ?? nowMs, nowMs, ports)
    case 'expired':
      return ended(result.record, 'expired', { event: 'expired', reason: null, detail: null }, [], nowMs, ports)
    case 'gave-up':
      return gaveUp(result.record, nowMs, ports)
    case 'failed': {
      const { record, cause, detail } = result
      const note = { event: 'failed', reason: cause, detail }
      return ended(record, 'failed', note, [{ record, cause, detail }], nowMs, ports)
    }
  }
}

function afterCall(record: ReleasedRecord, call: Call, nowMs: number, ports: TurnIntoStepPorts): DeliverStep {
  const { delivery } = record.value
  const { inFlight, tracer, observer, retryOf, bounds, context } = ports
  ports.called(delivery, call)
  const committed = () => inFlight.forget(delivery)
  const traced = { ...delivery, traceparent: tracer.after(record) }
  const facts = { nowMs, schedule: retryOf(delivery), bounds, random: context.random }
  const classification = classify(traced, call, facts)
  ports.ledgerOf(record.scope).done(delivery, nowMs)
  const told = noted(classification.delivery, nowMs, noteOf(classification, call.result))
  if (classification.kind === 'again') {
    observer.putBack(delivery, classification.reason === 'retry' ? 'transient' : 'rate-limited')
    return step(ports, [record], [routed(told), status(report(told, 'scheduled', false, nowMs))], [], committed)
  }
  const { state, deadLetter } = classification
  const detail = 'error' in call.result ? call.result.error : ''
  const dead = deadLetter === null ? [] : [{ record, cause: deadLetter, detail }]
  return step(ports, [record], [status(report(told, state, true, nowMs))], dead, committed)
}

/** The breaker is open: back through throttle, which holds it until a probe came through. No attempt is spent. */
function deferred(record: ReleasedRecord, retryAtMs: number, nowMs: number, ports: TurnIntoStepPorts): DeliverStep {
  const { delivery } = record.value
  ports.ledgerOf(record.scope).done(delivery, nowMs)
  ports.observer.putBack(delivery, 'breaker-open')
  const jitterMs = Math.floor(ports.context.random() * Math.max(1000, (retryAtMs - nowMs) / 4))
  const notBeforeMs = Math.max(nowMs, retryAtMs) + jitterMs
  const triedFromMs = delivery.triedFromMs ?? delivery.attempts[0]?.atMs ?? nowMs
  const later = { ...delivery, triedFromMs, deferrals: delivery.deferrals + 1, notBeforeMs }
  const told = noted(later, nowMs, { event: 'deferred', reason: 'breaker-open', detail: null })
  return step(ports, [record], [routed(told)])
}

/** It was held back until its time was over. */
function gaveUp(record: ReleasedRecord, nowMs: number, ports: TurnIntoStepPorts): DeliverStep {
  const detail = record.value.delivery.attempts.at(-1)?.error ?? 'Its provider was down all the time'
  const note = { event: 'failed', reason: 'gave-up', detail }
  return ended(record, 'failed', note, [{ record, cause: 'gave-up', detail }], nowMs, ports)
}

function ended(
  record: ReleasedRecord,
  state: 'expired' | 'failed',
  note: Note,
  dead: readonly DeadRecord<In>[],
  nowMs: number,
  ports: TurnIntoStepPorts,
): DeliverStep {
  const { delivery } = record.value
  ports.ledgerOf(record.scope).done(delivery, nowMs)
  return step(ports, [record], [status(report(noted(delivery, nowMs, note), state, true, nowMs))], dead)
}

function step(
  { context }: TurnIntoStepPorts,
  acked: readonly ReleasedRecord[],
  outputs: readonly Outgoing<DeliverOut>[],
  deadLetters: readonly DeadRecord<In>[] = [],
  committed: () => void = () => undefined,
): DeliverStep {
  return { acked, outputs, changes: context.takeChanges(), drops: [], deadLetters, committed }
}
