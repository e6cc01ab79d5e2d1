/** What one channel is to say before its rendering is known, and the candidate that comes of it. */
import type { Candidate, Message, TrailEntry } from '../../schemas/events.js'

/** A message, or a stable code of why there is none, and what a person needs to know. */
export type RenderResult =
  | { readonly message: Message }
  | { readonly message: null; readonly reason: string; readonly detail: string }

export interface Draft {
  readonly channel: string
  /** Literal content: what is said without a template, and the fallback with one. */
  readonly literal: Message | null
  /** Place of the rendering in the batch; null: there is none. */
  readonly job: number | null
  /** Why there is no rendering; null where there is one, or none was asked for. */
  readonly missing: Failure | null
}

/** A stable code, and what a person needs to know. */
export interface Failure {
  readonly reason: string
  readonly detail: string
}

export function templateMissing(): Failure {
  return { reason: 'template-missing', detail: 'The template is gone.' }
}

export function notInTemplate(channel: string): Failure {
  return { reason: 'no-content', detail: `The template has nothing for ${channel}.` }
}

/** The candidate, and what the trail has to tell of it: nothing when all went as asked. */
export function candidateOf(
  { channel, literal, job, missing }: Draft,
  results: readonly RenderResult[],
  nowMs: number,
): { readonly candidate: Candidate; readonly trouble: TrailEntry | null } {
  const result = job === null ? undefined : results[job]
  if (result?.message) return { candidate: said(channel, result.message), trouble: null }
  const failure = result ?? missing
  if (literal) {
    const trouble = failure && entry(nowMs, 'substituted', channel, failure)
    return { candidate: said(channel, literal), trouble }
  }
  const why = failure ?? { reason: 'no-content', detail: `The request has no content for ${channel}.` }
  return { candidate: { channel, message: null, ...why }, trouble: entry(nowMs, 'failed', channel, why) }
}

export function entry(atMs: number, event: string, channel: string | null, failure: Failure | null): TrailEntry {
  const { reason = null, detail = null } = failure ?? {}
  return { atMs, stage: 'enrich-template', event, channel, reason, detail }
}

function said(channel: string, message: Message): Candidate {
  return { channel, message, reason: null, detail: null }
}
