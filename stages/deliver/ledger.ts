/** What was done about each delivery: the outcome of every attempt, and for providers that park the intent before it.
 *
 *  Invariant: an outcome commits with the step that tells of it. A record that is read again and has its outcome here
 *  is done; one with an intent and no outcome was called by somebody who did not live to say what came of it. */
import type { Delivery } from '../../schemas/events.js'
import type { KeyedState } from '../stage.js'

export type Known = 'nothing' | 'intended' | 'done'

export interface Ledger {
  /** What is known of the delivery's next attempt. */
  know(delivery: Delivery): Known
  intend(delivery: Delivery, nowMs: number): void
  done(delivery: Delivery, nowMs: number): void
}

const intent = Uint8Array.of(0)
const outcome = Uint8Array.of(1)

/** `memoryMs`: how long an outcome is kept, at least as long as the input can be read again. */
export function ledger(state: KeyedState, memoryMs: number): Ledger {
  return {
    know(delivery) {
      const held = state.get(attemptKey(delivery))
      return held === undefined ? 'nothing' : held[0] === outcome[0] ? 'done' : 'intended'
    },
    intend: (delivery, nowMs) => state.put(attemptKey(delivery), intent, nowMs + memoryMs),
    done: (delivery, nowMs) => state.put(attemptKey(delivery), outcome, nowMs + memoryMs),
  }
}

/** Names the delivery's next attempt. A deferral is no attempt, but it is a release of its own. */
export function attemptKey({ id, attempts, deferrals }: Delivery): string {
  return `${id}#${attempts.length}.${deferrals}`
}
