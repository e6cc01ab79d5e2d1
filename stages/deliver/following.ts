/** What follows the calls of providers, for traces. */
import type { InputRecord } from '../stage.js'
import type { SendResult } from './provider.js'

/** Asked right before each call. Must not throw. */
export type Following = (record: InputRecord<'delivery-released'>) => FollowedCall

export interface FollowedCall {
  /** The trace context that goes out with the call; null: none. */
  readonly traceparent: string | null
  /** Told what the call came to. */
  readonly ended: (result: SendResult) => void
}

/** Follows nothing: what the delivery came with goes on. */
export const unfollowed: Following = (record) => ({
  traceparent: record.value.delivery.traceparent,
  ended: () => undefined,
})
