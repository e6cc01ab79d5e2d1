/** What deliver tells of its work, for metrics. */
import type { Delivery } from '../../schemas/events.js'
import type { BreakerCounts } from './breakers.js'

/** Why a delivery goes back through throttle, for later. */
export type PutBackFor = 'transient' | 'rate-limited' | 'breaker-open'

/** What stands before one provider in this process. */
export interface ProviderLoad {
  readonly provider: string
  /** Calls under way. */
  readonly calling: number
  /** Deliveries in line for a call. */
  readonly waiting: number
  readonly breakers: BreakerCounts
}

/** Told of decisions as they are made; after a crash some are made, and told, once more. Must not throw. */
export interface DeliverObserver {
  putBack(delivery: Delivery, reason: PutBackFor): void
  /** A life of the stage begins. `loads` tells what stands before each provider at the moment of the call. Returns what
   *  is called when that life ends. */
  began(loads: () => readonly ProviderLoad[]): () => void
}
