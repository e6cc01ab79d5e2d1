import { streams } from '../../schemas/streams.js'

/** How long the stores keep things. */
export interface Retention {
  /** Records, from their end on; one that has not ended is kept. */
  readonly recordsMs: number
  /** Inbox messages, read or not, from their arrival on. */
  readonly inboxMs: number
  readonly deadLettersMs: number
  /** The newest messages of the outbox. */
  readonly outboxRows: number
}

/** How long an Idempotency-Key is remembered, in milliseconds. */
export const claimWindowMs = 24 * 60 * 60 * 1000

const dayMs = 24 * 60 * 60 * 1000
/** Messages that the outbox keeps. */
const outboxRows = 10_000

/** As the configuration says it. */
export function storeRetention(days: { readonly recordsDays: number; readonly inboxDays: number }): Retention {
  return {
    recordsMs: days.recordsDays * dayMs,
    inboxMs: days.inboxDays * dayMs,
    deadLettersMs: streams['dead-letters'].retentionMs,
    outboxRows,
  }
}
