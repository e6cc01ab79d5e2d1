/** Throttle as a reducer: from what it knows and what happened to steps, and to when it must look again.
 *
 *  It reads no clock and does nothing outside: the same events at the same times make the same steps. Its state is
 *  changed in place, for it is mostly the parked store. */
import type { Delivery, ProviderHealth } from '../../schemas/events.js'
import { lanes } from '../../schemas/streams.js'
import type { InputRecord, Scope, StageContext } from '../stage.js'
import { takeArrivals } from './arrivals.js'
import { releaseParked } from './parked-releases.js'
import type { ThrottleOptions, ThrottlePorts } from './ports.js'
import { type ThrottleState, throttleState } from './state.js'
import { beginTurn, type In, type TurnResult } from './turn.js'
import { inTurn } from './turns.js'
import type { Unwanted } from './wishes.js'

export type ThrottleEvent =
  | { readonly kind: 'arrived'; readonly records: readonly InputRecord<In>[] }
  | { readonly kind: 'provider-changed'; readonly health: ProviderHealth }
  | { readonly kind: 'revoked'; readonly scopes: readonly Scope[] }
  /** `unwanted` null: there was no answer. */
  | { readonly kind: 'answered'; readonly asked: readonly Delivery[]; readonly unwanted: Unwanted | null }
  /** It began, time passed, or credit came back. */
  | { readonly kind: 'woken' }

export type ThrottleReducer = (event: ThrottleEvent, nowMs: number) => TurnResult

export function throttleReducer(
  context: StageContext,
  ports: ThrottlePorts,
  options: ThrottleOptions,
): ThrottleReducer {
  const state = throttleState(context, ports, options)
  return (event, nowMs) => {
    switch (event.kind) {
      case 'revoked':
        return { steps: [], wakeInMs: null, question: [], released: state.arrived.remove(event.scopes) }
      case 'arrived':
        for (const record of event.records) state.arrived.add(record)
        break
      case 'provider-changed':
        state.gate.heard(event.health, nowMs)
        break
      case 'answered':
        state.wishes.answered(event.asked, event.unwanted, nowMs)
        break
      case 'woken':
        break
    }
    return takeTurn(state, context, nowMs)
  }
}

/** Does all that can be done now, and says when there is more. */
function takeTurn(state: ThrottleState, context: StageContext, nowMs: number): TurnResult {
  const turn = beginTurn(nowMs, context.takeChanges)
  for (const lane of lanes) {
    const scopes = context.scopes().filter((scope) => scope.lane === lane)
    for (const scope of inTurn(scopes, state.scopeServed.get(lane))) releaseParked(state, turn, scope)
    takeArrivals(state, turn, lane)
  }
  return turn.end(state.wishes.takeQuestion(nowMs))
}
