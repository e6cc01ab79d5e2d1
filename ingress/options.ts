/** How the ingress behaves: what of the configuration it is given. */

import type { RetryBounds } from '../schemas/retry-rules.js'

/** How the ingress behaves. */
export interface IngressOptions {
  /** Bearer key that every request but health needs; null: none. */
  readonly apiKey: string | null
  /** Origins allowed by CORS; empty: off. */
  readonly corsOrigins: readonly string[]
  /** How long the cancel route waits for the verdict, and a fresh id for its record. */
  readonly settleWaitMs: number
  /** How long a duplicate is recognised where the request does not say. */
  readonly dedupeWindowMs: number
  /** What a request may ask of retries. */
  readonly retryBounds: RetryBounds
  readonly version: string
  /** Addresses and networks of proxies whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[]
  readonly compat: CompatOptions
}

/** The contracts of other systems that are answered. */
export interface CompatOptions {
  /** User-to-user messages. */
  readonly a: boolean
  /** Null: not answered. */
  readonly b: {
    /** From one address; null: as many as come. */
    readonly requestsPerMinute: number | null
    /** How long the same description for the same user is a duplicate. */
    readonly duplicateWindowMs: number
  } | null
  /** Notifications, batches, templates. */
  readonly c: boolean
}
