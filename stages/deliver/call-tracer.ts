/** What follows the calls of providers, for traces. Must not throw. */
import type { InputRecord } from '../stage.js'
import type { SendResult } from './providers/provider.js'

export interface CallTracer {
  /** Asked right before each call. */
  call(record: InputRecord<'delivery-released'>): TracedCall
  /** The trace context that the delivery goes on with: a call that failed may have begun a trace. */
  after(record: InputRecord<'delivery-released'>): string | null
}

export interface TracedCall {
  /** The trace context that goes out with the call; null: none. */
  readonly traceparent: string | null
  /** Told what the call came to. */
  readonly ended: (result: SendResult) => void
}

/** Follows nothing: what the delivery came with goes on. */
export const untraced: CallTracer = {
  call: ({ value }) => ({ traceparent: value.delivery.traceparent, ended: () => undefined }),
  after: ({ value }) => value.delivery.traceparent,
}
