/** How long the stores keep things. */
export interface Retention {
  /** Records, from acceptance on; one that has not ended is kept. */
  readonly recordsMs: number
  /** Inbox messages, read or not. */
  readonly inboxMs: number
  readonly deadLettersMs: number
  /** The newest messages of the outbox. */
  readonly outboxRows: number
}

/** How long an Idempotency-Key is remembered, in milliseconds. */
export const claimWindowMs = 24 * 60 * 60 * 1000
