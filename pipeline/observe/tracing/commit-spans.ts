/** Ends the spans of the records that a stage committed, and records the commit as a span that links to them. */
import type { TrailEntry } from '../../../schemas/events.js'
import { traceparentIn } from '../../../schemas/trace-context.js'
import { isSampled, traceOf } from '../../engine/trace-context.js'
import type { AnyInput, Commit, Ended } from '../../engine/worker-observer.js'
import { decisionsIn, tell } from './decisions.js'
import { type OpenSpans, type OpenSpansOptions, placeFields } from './open-spans.js'
import type { LiveSpan, SpanEnd } from './recorder.js'
import { fieldsOf, notificationIn, recordTrace, trailOf } from './traced-event.js'

/** Links of a commit's span; a field of the span says how many were left out. */
const maxLinks = 128

/** Ends the span of each traced input of the commit with what the stage decided of it. */
export function endCommitted(commit: Commit, spans: OpenSpans, options: OpenSpansOptions): void {
  const traced = tracedInputs(commit, spans)
  if (traced.length === 0) return
  const { stage } = options
  const ids = new Set(traced.flatMap(({ input }) => notificationIn(input) ?? []))
  const sampled = traced.every(({ input }) => isSampled(recordTrace(input) ?? ''))
  const decided = decisionsIn(commit.outputs, stage, ids, sampled)
  const dropped = new Map(commit.drops.map(({ input, reason }) => [input, reason]))
  const dead = new Map(commit.deadLetters.map(({ input, reason }) => [input, reason]))
  // Throttle parks a delivery without a decision, and publishes one only when it releases the delivery.
  const undecided: SpanEnd = stage === 'throttle' ? { fields: { 'carillon.outcome': 'parked' } } : {}
  for (const { input, span } of traced) {
    spans.forget(input)
    const before = new Set(trailOf(input))
    const entries = [...(decided.get(notificationIn(input) ?? '') ?? [])].filter((entry) => !before.has(entry))
    tell(span, entries)
    span.end(endOf(entries.at(-1), dropped.get(input), dead.get(input)) ?? undecided)
  }
  recordCommit(
    commit,
    traced.map(({ span }) => span.traceparent),
    options,
  )
}

function tracedInputs({ inputs }: Commit, spans: OpenSpans) {
  const traced: { readonly input: AnyInput; readonly span: LiveSpan }[] = []
  for (const input of inputs) {
    const span = spans.of(input)
    if (span) traced.push({ input, span })
  }
  return traced
}

/** How a record's span ends; undefined: the stage published no decision. */
function endOf(
  last: TrailEntry | undefined,
  dropped: string | undefined,
  dead: string | undefined,
): SpanEnd | undefined {
  if (dead !== undefined) {
    return { failed: dead, fields: { 'carillon.outcome': 'dead-lettered', 'carillon.reason': dead } }
  }
  if (dropped !== undefined) return { fields: { 'carillon.outcome': 'dropped', 'carillon.reason': dropped } }
  return last && { fields: { 'carillon.outcome': last.event, 'carillon.reason': last.reason } }
}

function recordCommit(
  { acked, outputs, drops, deadLetters, commitMs }: Commit,
  traceparents: readonly string[],
  { stage, system, recorder }: OpenSpansOptions,
): void {
  const endMs = Date.now()
  recorder
    .begin({
      name: `commit ${stage}`,
      kind: 'internal',
      parent: null,
      forced: true,
      startMs: endMs - commitMs,
      links: traceparents.slice(0, maxLinks),
      fields: [
        {
          'messaging.system': system,
          'messaging.batch.message_count': acked.length,
          'carillon.stage': stage,
          'carillon.commit.outputs': outputs.length,
          'carillon.commit.dropped': drops.length,
          'carillon.commit.dead_letters': deadLetters.length,
          'carillon.commit.links_left_out': Math.max(0, traceparents.length - maxLinks),
        },
      ],
    })
    .end({ endMs })
}

/** Traces a dead letter, whether or not its trace was sampled. */
export function traceDeadLetter({ input, givenUp, reason }: Ended, spans: OpenSpans): void {
  if (input) {
    if (!spans.of(input)) spans.force(input, Date.now())
    return
  }
  if (!givenUp) return
  const { recordId, record, event } = givenUp
  const place = placeFields(recordId, record.topic.lane, record.partition)
  const span = spans.beginApart({
    parent: event ? traceOf(event) : traceparentIn(record.headers),
    forced: true,
    fields: [place, ...(event ? fieldsOf(event) : [])],
  })
  if (event) tell(span, trailOf(event))
  span.end({ failed: reason, fields: { 'carillon.outcome': 'dead-lettered', 'carillon.reason': reason } })
}
