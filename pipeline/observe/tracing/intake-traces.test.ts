/** Where events from upstreams on Kafka stand in the traces. */
import { expect, test } from 'vitest'
import { inbound } from '../../../schemas/outgoing.js'
import { spanContext } from '../../../schemas/trace-context.js'
import { inboundEvent } from '../../../testing/ingress/intake-sample.js'
import { keptTraces, type SeenSpan, traceparentOf } from '../../../testing/observe/tracing/spans-sample.js'
import { stageRunner, startMs } from '../../../testing/stages/stage-runner-sample.js'
import { intake } from '../../run/intake.js'

/** What intake does with one event each, and what it leaves in the traces. */
async function take(
  sampleRatio: number,
  records: readonly { readonly priority: string; readonly headers: Record<string, string> }[],
) {
  const kept = await keptTraces(sampleRatio)
  const runner = stageRunner()
  const { root: traceRoot } = kept.tracing
  const stage = intake({
    templates: { get: async () => undefined },
    dedupeWindowMs: 1000,
    retryBounds: { minWaitMs: 1000, maxGiveUpAfterMs: 604_800_000 },
    traceRoot,
  })
  const worker = runner.start(stage, { observer: kept.tracing.worker('intake', 'notifications.inbound') })
  await runner.appendRecords(
    records.map(({ priority, headers }) => {
      const event = inboundEvent({ priority })
      const { topic, value } = runner.codec.encode({ ...inbound(event, ''), value: event }, startMs)
      return { topic, key: null, value, headers, timestampMs: startMs }
    }),
  )
  await runner.stop(worker)
  const requested = runner.told('notifications.requested', 'notification-requested')
  return {
    spans: (await kept.spans()).filter(({ name }) => name === 'intake notifications.inbound'),
    traces: requested.map(({ value }) => value.traceparent),
    rejected: runner.told('notifications.status', 'notification-status').map(({ value }) => value.traceparent),
  }
}

const good = (headers: Record<string, string> = {}) => ({ priority: 'normal', headers })
const bad = (headers: Record<string, string> = {}) => ({ priority: 'urgent', headers })
const told = ({ traceId, parentId, failed, fields }: SeenSpan) => [...[traceId, parentId, failed, fields['error.type']]]
const { trace_id } = spanContext(traceparentOf(4, true))

test('the trace that an upstream began goes on, whatever the case of its header', async () => {
  const given = traceparentOf(4, true)
  const { spans, traces } = await take(0, [good({ Traceparent: given })])
  expect([traces, spans.map(told)]).toEqual([[given], [[trace_id, '00000000000000aa', false, undefined]]])
})

test('an event without one begins a trace with its intake, and carries none where that is not recorded', async () => {
  const [recorded, not] = await Promise.all([take(1, [good()]), take(0, [good({ traceparent: 'nonsense' })])])
  const [span] = recorded.spans
  expect([recorded.traces, span?.parentId]).toEqual([[`00-${span?.traceId}-${span?.spanId}-01`], undefined])
  expect([not.traces, not.spans]).toEqual([[null], []])
})

test('what is rejected is followed whatever was decided', async () => {
  const unsampled = traceparentOf(4, false)
  const { spans, rejected } = await take(0, [bad({ traceparent: unsampled }), bad()])
  expect([rejected, spans.map(told)]).toEqual([
    [unsampled, null],
    [
      [trace_id, '00000000000000aa', true, 'invalid-request'],
      [expect.stringMatching(/^[0-9a-f]{32}$/), undefined, true, 'invalid-request'],
    ],
  ])
})
