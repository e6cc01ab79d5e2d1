/** The spans of provider calls, below deliver's. A call whose notification nobody follows gets one only if it fails. */
import type { CallTracer } from '../../../stages/deliver/call-tracer.js'
import type { SendResult } from '../../../stages/deliver/providers/provider.js'
import type { SpanFields } from './attributes.js'
import type { LiveSpan, Recorder } from './recorder.js'
import type { StageSpans } from './stage-spans.js'
import { fieldsOf } from './traced-event.js'

type Call = Parameters<CallTracer['call']>[0]

/** `deliver`: its spans; undefined until it runs. */
export function attemptSpans(recorder: Recorder, deliver: () => StageSpans | undefined): CallTracer {
  return {
    call(record) {
      const stage = deliver()?.of(record)
      if (stage) {
        const span = begin(record, stage.traceparent)
        return { traceparent: span.traceparent, ended: (result) => end(span, result) }
      }
      const startMs = Date.now()
      return {
        traceparent: record.value.delivery.traceparent,
        ended(result) {
          if (result.outcome === 'sent' || result.outcome === 'delivered') return
          const above = deliver()?.force(record, startMs)
          if (above) end(begin(record, above.traceparent, startMs), result)
        },
      }
    },
    // Without a trace until now: the one that the failure has begun.
    after: (record) => record.value.delivery.traceparent ?? deliver()?.of(record)?.traceparent ?? null,
  }

  function begin(record: Call, parent: string, startMs?: number): LiveSpan {
    return recorder.begin({
      name: `attempt ${record.value.delivery.provider}`,
      kind: 'client',
      parent,
      fields: [attemptFields(record), ...fieldsOf(record)],
      ...(startMs !== undefined && { startMs }),
    })
  }
}

function attemptFields({ value: { delivery }, scope }: Call): SpanFields {
  return { 'carillon.lane': scope.lane, 'carillon.attempt': delivery.attempts.length + 1 }
}

function end(span: LiveSpan, { outcome }: SendResult): void {
  const failed = outcome === 'sent' || outcome === 'delivered' ? undefined : outcome
  span.end({ fields: { 'carillon.outcome': outcome }, failed })
}
