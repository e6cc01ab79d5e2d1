/** Calls that were made and whose outcome is not committed yet. They outlive a restart of the stage: a process that
 *  lives on knows what it called, and what came of it.
 *
 *  Invariant: within one process an attempt is called once, however often its commit fails. */
import type { Delivery } from '../../schemas/events.js'
import type { Call } from './classification.js'
import { attemptKey } from './ledger.js'

export interface InFlightCalls {
  /** The call of the delivery's next attempt; undefined where none was made. */
  find(delivery: Delivery): Promise<Call | null> | undefined
  /** Takes note of a call that is being made. One that comes to nothing, null or a rejection, is forgotten. */
  add(delivery: Delivery, call: Promise<Call | null>): void
  /** Its outcome is committed: the ledger knows it. */
  forget(delivery: Delivery): void
}

/** Calls kept; beyond this the oldest is forgotten, and called again if it comes back. More than any mailbox holds. */
const maxCalls = 50_000

export function inFlightCalls(): InFlightCalls {
  const calls = new Map<string, Promise<Call | null>>()

  return {
    find: (delivery) => calls.get(attemptKey(delivery)),
    add(delivery, call) {
      const key = attemptKey(delivery)
      calls.set(key, call)
      const forget = () => calls.delete(key)
      call.then((made) => made === null && forget(), forget)
      const [oldest] = calls.keys()
      if (calls.size > maxCalls && oldest !== undefined) calls.delete(oldest)
    },
    forget: (delivery) => calls.delete(attemptKey(delivery)),
  }
}
