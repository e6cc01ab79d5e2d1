/** What travels through deliver's pipe: from a record, by its turn in the provider's queue, to what came of it. */
import type { InputRecord } from '../stage.js'
import type { Call } from './classification.js'
import type { LoadSignal } from './concurrency-limiter.js'
import type { ProviderBinding } from './providers/provider.js'

export type ReleasedRecord = InputRecord<'delivery-released'>

/** A batch, once the ledger was asked. */
export interface Screened {
  readonly toCall: readonly ReleasedRecord[]
  /** What needs no turn in a queue. */
  readonly others: readonly (CallInFlight | Result)[]
}

/** An earlier life of the stage in this process made the call, and its outcome is not committed. */
export interface CallInFlight {
  readonly kind: 'in-flight'
  readonly record: ReleasedRecord
  readonly binding: ProviderBinding
  readonly call: Promise<Call | null>
}

/** It is the record's turn to be called. */
export interface Turn {
  readonly kind: 'turn'
  readonly record: ReleasedRecord
  readonly binding: ProviderBinding
  /** To be called once, when the call is over: it frees the record's place. */
  readonly ended: (signal: LoadSignal) => void
}

/** What a step is made of. */
export type Result =
  /** Their outcomes were committed before: the records are acked, and nothing is told. */
  | { readonly kind: 'known'; readonly records: readonly ReleasedRecord[] }
  /** A call of a provider that cannot take one twice is about to be made; `committed`: when that is safe. */
  | { readonly kind: 'intended'; readonly record: ReleasedRecord; readonly committed: () => void }
  | { readonly kind: 'called'; readonly record: ReleasedRecord; readonly call: Call }
  /** The breaker is open. `retryAtMs`: when it lets a probe through. */
  | { readonly kind: 'refused'; readonly record: ReleasedRecord; readonly retryAtMs: number | null }
  /** Its time is over: its own, or that of its retries. */
  | { readonly kind: 'expired' | 'gave-up'; readonly record: ReleasedRecord }
  /** It cannot be called, and is kept for a person. */
  | { readonly kind: 'failed'; readonly record: ReleasedRecord; readonly cause: string; readonly detail: string }
