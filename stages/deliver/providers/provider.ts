/** What carries a channel. Adding a provider is a file beside this one and a line in the composition root. */
import type { Delivery } from '../../../schemas/events.js'

/** One call. */
export interface SendRequest {
  readonly delivery: Delivery
  /** The idempotency key: the delivery's id, the same in every attempt. */
  readonly key: string
  /** 1 for the first call. */
  readonly attempt: number
  /** The trace context of this call, to be passed on; null: none. */
  readonly traceparent: string | null
}

/** What a call came to. `error` is for a person, at most 500 characters, and holds neither content nor secrets. */
export type SendResult =
  /** The provider took it. `delivered` only where its answer says that it arrived. */
  | {
      readonly outcome: 'sent' | 'delivered'
      readonly detail?: string
      /** The provider's own id of the message, at most 256 characters. */
      readonly messageId?: string
    }
  /** May work later: connection trouble, time-out, 5xx. */
  | { readonly outcome: 'transient'; readonly error: string }
  /** Will never work, through no fault of the recipient: wrong configuration, refused content. */
  | { readonly outcome: 'permanent'; readonly error: string }
  /** This address will never work; the provider is well. */
  | { readonly outcome: 'recipient'; readonly error: string }
  /** Too fast. `retryAfterMs` as the provider said it; null where it did not. */
  | { readonly outcome: 'rate-limited'; readonly error: string; readonly retryAfterMs: number | null }

/** A provider. `send` may be called concurrently; it ends soon after `signal` aborts. A rejection counts as transient:
 *  the outcome of the call is not known. */
export interface Provider {
  readonly name: string
  send(request: SendRequest, signal: AbortSignal): Promise<SendResult>
  /** What the breaker guards: null for the whole provider, or a part of it that fails and hangs alone (a webhook's
   *  host). It holds no spaces. */
  destination(delivery: Delivery): string | null
  /** How many parts it has, where that is known and little. */
  readonly parts?: number
  close(): Promise<void>
}

/** How a provider is used. */
export interface ProviderPolicy {
  /** Messages a second over all processes; null: as fast as it goes. */
  readonly ratePerSecond: number | null
  /** Calls under way at once, in this process. */
  readonly concurrency: number
  readonly timeoutMs: number
  /** What to do where a call's outcome was lost: call again with the same key, or park it for a person. */
  readonly onUnknown: 'resend' | 'park'
}
