/** The spans of one stage: one for each traced record, from when the stage is given it until the stage commits it, and
 *  one for each commit of such records.
 *
 *  A record that is not traced costs a look at one character of its trace context. */
import { type SpanContext, spanContext } from '../../../schemas/trace-context.js'
import { StageCrash } from '../../../stages/stage.js'
import { isSampled } from '../../engine/trace-context.js'
import type { AnyInput, WorkerObserver } from '../../engine/worker-observer.js'
import { endCommitted, traceDeadLetter } from './commit-spans.js'
import { tell } from './decisions.js'
import { OpenSpans, type OpenSpansOptions } from './open-spans.js'
import type { LiveSpan } from './recorder.js'
import { isTroubled, recordTrace, trailOf } from './traced-event.js'
import { recordWaits } from './waits.js'

export interface StageSpans {
  readonly observer: WorkerObserver
  /** The record's span, where the record is traced. */
  of(record: AnyInput): LiveSpan | undefined
  /** Traces a record from now on although its trace was not sampled; a record without a trace begins one. Undefined:
   *  the recorder has no room for the span. */
  force(record: AnyInput, startMs: number): LiveSpan | undefined
  /** Begins a trace with the record and returns its trace context; null where the trace is not recorded. */
  root(record: AnyInput): string | null
}

export interface StageSpansOptions extends OpenSpansOptions {
  /** Reports the span context of a crash. */
  readonly placed: (error: StageCrash, place: SpanContext) => void
}

export function stageSpans(options: StageSpansOptions): StageSpans {
  const { stage, recorder, placed } = options
  const spans = new OpenSpans(options)

  const observer: WorkerObserver = {
    given(records) {
      for (const record of records) {
        spans.hold(record)
        const trace = recordTrace(record)
        if (trace === null) continue
        if (isSampled(trace)) spans.begin(record, { parent: trace })
        else if (isTroubled(record)) {
          const span = spans.begin(record, { parent: trace, forced: true })
          // A status carries every decision about its notification.
          if (stage === 'record') tell(span, trailOf(record))
        }
      }
    },
    committed(commit) {
      for (const ended of commit.deadLetters) traceDeadLetter(ended, spans)
      if (stage === 'throttle') recordWaits(commit.outputs, recorder)
      if (spans.size > 0) endCommitted(commit, spans, options)
      for (const input of commit.inputs) spans.release(input)
    },
    left(records, error) {
      for (const record of records) {
        endLeft(record, error, spans, placed)
        spans.release(record)
      }
    },
  }

  return {
    observer,
    of: (record) => spans.of(record),
    force: (record, startMs) => spans.force(record, startMs),
    root(record) {
      const { recorded, traceparent } = spans.begin(record, { parent: null })
      return recorded ? traceparent : null
    },
  }
}

/** Ends the span of a record that was released unfinished. Its next owner begins another span. */
function endLeft(record: AnyInput, error: unknown, spans: OpenSpans, placed: StageSpansOptions['placed']): void {
  const crash = error instanceof StageCrash && error.recordId === record.recordId ? error : null
  const span = spans.of(record) ?? (crash ? spans.force(record, Date.now()) : undefined)
  spans.forget(record)
  if (!span) return
  const left = { 'carillon.outcome': 'left' }
  if (crash) {
    placed(crash, spanContext(span.traceparent))
    span.end({ fields: { ...left, 'carillon.reason': crash.code }, failed: causeOf(crash) })
  } else {
    span.end({ fields: left })
  }
}

/** The class name of what was thrown; never its message, which might quote anything. */
function causeOf({ cause, code }: StageCrash): string {
  return cause instanceof Error ? cause.name : code
}
