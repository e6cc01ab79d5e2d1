/** Whether what has waited is still wanted: its recipient may have changed their mind meanwhile. The reducer asks for many
 *  deliveries at once, and what it asked for stays parked until the answer is there.
 *
 *  Invariant: no question keeps a delivery for longer than `answerWithinMs`. Where nobody answers it goes on with what
 *  routing knew, and the next ones do not wait for an answer until one comes. */
import type { Delivery } from '../../schemas/events.js'
import { clockSetMs } from '../token-bucket.js'

/** Knows what recipients want now. Declared here because throttle needs it. */
export interface Wishes {
  /** The ids of those deliveries that are not wanted any more, with a stable reason for each. It may reject. */
  unwanted(deliveries: readonly Delivery[]): Promise<Unwanted>
}

export type Unwanted = ReadonlyMap<string, string>

export type Wish =
  | { readonly kind: 'wanted' | 'unchecked' | 'pending' }
  | { readonly kind: 'unwanted'; readonly reason: string }

export interface WishChecks {
  /** What is known of a delivery that could go now. What is not known is asked for at the end of the turn. */
  of(delivery: Delivery, nowMs: number): Wish
  /** What to ask for now; empty: nothing, or not yet. */
  takeQuestion(nowMs: number): readonly Delivery[]
  /** `unwanted` null: there was no answer. */
  answered(asked: readonly Delivery[], unwanted: Unwanted | null, nowMs: number): void
  /** How many waited for an answer in the turn before; of more there is no need to know. */
  pending(): number
}

/** What waited for less was routed, or asked for, only just now. An answer is as good for as long. */
const freshMs = 1_000
const answerWithinMs = 10_000
/** After a question that failed. */
const askAgainMs = 1_000
const maxAsked = 256
const maxPending = 768

interface Answer {
  readonly reason: string | null
  readonly atMs: number
}

/** `isAsked` false: nobody can tell, and everything is wanted. */
export function wishChecks(isAsked: boolean): WishChecks {
  const answers = new Map<string, Answer>()
  let questions = new Map<string, Delivery>()
  let askedAtMs: number | null = null
  let failedAtMs = Number.NEGATIVE_INFINITY
  /** Since when somebody waits for an answer, and none came. */
  let unansweredSinceMs: number | null = null
  let isAway = false
  let pending = 0
  let pendingBefore = 0

  return {
    of(delivery, nowMs) {
      const { id } = delivery
      if (!isAsked || isWithin(freshMs, cameMs(delivery), nowMs)) return { kind: 'wanted' }
      const answer = answers.get(id)
      if (answer && isWithin(freshMs, answer.atMs, nowMs)) {
        return answer.reason === null ? { kind: 'wanted' } : { kind: 'unwanted', reason: answer.reason }
      }
      if (questions.size < maxAsked) questions.set(id, delivery)
      unansweredSinceMs ??= nowMs
      isAway ||= !isWithin(answerWithinMs, unansweredSinceMs, nowMs)
      if (isAway) return { kind: 'unchecked' }
      pending++
      return { kind: 'pending' }
    },
    takeQuestion(nowMs) {
      pendingBefore = pending
      pending = 0
      const asked = [...questions.values()]
      questions = new Map()
      if (asked.length === 0) {
        // Nobody waits: the next one waits for its own answer.
        isAway = false
        unansweredSinceMs = null
      }
      const isOpen = askedAtMs !== null && isWithin(answerWithinMs, askedAtMs, nowMs)
      if (asked.length === 0 || isOpen || isWithin(askAgainMs, failedAtMs, nowMs)) return []
      askedAtMs = nowMs
      return asked
    },
    answered(asked, unwanted, nowMs) {
      askedAtMs = null
      if (unwanted === null) {
        failedAtMs = nowMs
        return
      }
      isAway = false
      unansweredSinceMs = null
      for (const [id, { atMs }] of answers) if (!isWithin(freshMs, atMs, nowMs)) answers.delete(id)
      for (const { id } of asked) answers.set(id, { reason: unwanted.get(id) ?? null, atMs: nowMs })
    },
    pending: () => Math.min(pendingBefore, maxPending),
  }
}

/** Since when throttle has it. */
function cameMs({ trail, acceptedAtMs }: Delivery): number {
  return trail.findLast(({ stage }) => stage !== 'throttle')?.atMs ?? acceptedAtMs
}

/** Whether less than so much has passed since; no, where the clock was set back. */
function isWithin(ms: number, sinceMs: number, nowMs: number): boolean {
  return nowMs - sinceMs < ms && nowMs > sinceMs - clockSetMs
}
