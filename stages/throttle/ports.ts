/** What throttle needs: its ports, and what it is set to. */
import type { Observable } from 'rxjs'
import type { Delivery, ProviderHealth } from '../../schemas/events.js'
import type { Channel } from '../../schemas/streams.js'
import type { LimitsOf, PaceClass } from '../shared-limits.js'
import type { Scope } from '../stage.js'
import type { ThrottleObserver } from './observer.js'
import type { Wishes } from './wishes.js'

/** How much of what was released deliver has finished, by way; declared here because throttle needs it. */
export interface Credit {
  /** Records released and not finished, as far as the log knows. */
  outstanding(channel: Channel, scope: Scope): number
  /** Records ever finished; only grows. */
  finished(channel: Channel, scope: Scope): number
}

export interface GateOptions {
  /** Released and unfinished at most, for each channel, lane and partition. */
  readonly window: number
  readonly limitsOf: LimitsOf
  /** How long to wait for news of a probe; without bad news the destination is taken for well. */
  readonly probeEveryMs: number
}

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
  /** Asked about what has waited, before it is released; null: nobody can tell. */
  readonly wishes: Wishes | null
}
