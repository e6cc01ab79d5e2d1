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
  /** May work later: connection trouble, time-out, 5xx. `retryAfterMs`: when, where the answer says so. */
  | {
      readonly outcome: 'transient'
      readonly error: string
      readonly retryAfterMs?: number | null
      readonly chargedTo?: ChargedTo
    }
  /** Will never work, through no fault of the recipient: wrong configuration, refused content. `againAfterMs`: the waits
   *  after which it is called again nevertheless, for the receiver may be at fault and be mended. */
  | { readonly outcome: 'permanent'; readonly error: string; readonly againAfterMs?: readonly number[] }
  /** This address will never work; the provider is ok. */
  | { readonly outcome: 'recipient'; readonly error: string }
  /** Too fast. `retryAfterMs` as the provider said it; null where it did not. */
  | {
      readonly outcome: 'rate-limited'
      readonly error: string
      readonly retryAfterMs: number | null
      readonly chargedTo?: ChargedTo
    }

/** Whose the trouble is where it is not that of the part that answered: `connection`, the host's, which could not be
 *  reached; `recipient`, that of this address alone, which says nothing of the provider. */
export type ChargedTo = 'connection' | 'recipient'

/** A provider. `send` may be called concurrently; it ends soon after `signal` aborts. A rejection counts as transient:
 *  the outcome of the call is not known. */
export interface Provider {
  readonly name: string
  send(request: SendRequest, signal: AbortSignal): Promise<SendResult>
  /** What fails and hangs alone: null for the whole provider, else a part of it. It holds no spaces. Of URLs,
   *  several of which may stand on one host: the origin, and after a slash what tells it from others there. */
  destination(delivery: Delivery): string | null
  /** How many parts it has, where that is known and little. */
  readonly parts?: number
  close(): Promise<void>
}

/** What a destination's connections go to: several destinations may share it. */
export function hostOf(destination: string | null): string | null {
  const [, origin] = /^(https?:\/\/[^/]+)\/[^/]+$/.exec(destination ?? '') ?? []
  return origin ?? destination
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

/** A provider and how it is used. */
export interface ProviderBinding {
  readonly provider: Provider
  readonly policy: ProviderPolicy
}
