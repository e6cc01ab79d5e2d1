/** What becomes of a stage's spans where its worker does not just commit. */
import { afterEach, describe, expect, test } from 'vitest'
import { requested } from '../../../schemas/outgoing.js'
import { spanContext } from '../../../schemas/trace-context.js'
import type { LogUnderTest } from '../../../testing/engine/log-under-test.js'
import { forwardingStage, notification, watchResults, work } from '../../../testing/engine/worker-under-test.js'
import { openMemoryLog } from '../../../testing/logs/memory/log-under-test.js'
import {
  type KeptTraces,
  keptTraces,
  type SeenSpan,
  traceparentOf,
} from '../../../testing/observe/tracing/spans-sample.js'
import { createCodec } from '../../engine/codec.js'
import { traceHeader } from '../../engine/trace-context.js'
import type { Worker } from '../../engine/worker.js'

const codec = createCodec()
let opened: LogUnderTest | null = null
let worker: Worker | null = null
afterEach(async () => {
  if (worker) await opened?.during(worker.stop(1000))
  await opened?.close()
})

async function open(): Promise<LogUnderTest> {
  opened = await openMemoryLog({ partitions: 1, revokeTimeoutMs: 1000 })
  return opened
}

const recordOf = (id: string, traceparent: string | null) =>
  codec.encode(requested({ ...notification(id), traceparent }), 0)
const stageSpansOf = async (kept: KeptTraces) =>
  (await kept.spans()).filter(({ name }) => name === 'dedupe notifications.requested')
const told = ({ fields, failed }: SeenSpan) => [
  fields['carillon.notification'] ?? null,
  fields['carillon.outcome'],
  fields['error.type'] ?? null,
  failed,
]

/** The stage fails on one of the notifications, every time. */
const crashing = forwardingStage((id) => {
  if (id === 'bad') throw new TypeError('a secret of ann@example.org')
})

describe('a stage that crashes', () => {
  test.each([
    ['follows the record at fault though nobody else did', traceparentOf(2, false)],
    ['shows each of its tries of a record that is followed', traceparentOf(2, true)],
    ['begins traces with a record that has none', null],
  ])('%s, until it is given up', async (_, traceparent) => {
    const on = await open()
    const kept = await keptTraces()
    const results = watchResults(on)
    const places: unknown[] = []
    const observer = kept.tracing.worker('dedupe', 'notifications.requested')
    const crashed = (error: unknown) => void places.push(kept.tracing.placeOf(error))
    await on.log.append([recordOf('bad', traceparent)])
    worker = work(on, crashing, { observer: { ...observer, crashed } })
    await on.until(() => results.deadLetters.length === 1)
    await on.until(async () => (await stageSpansOf(kept)).length === 4)
    const spans = await stageSpansOf(kept)
    const crash = ['bad', 'left', 'TypeError', true]
    expect(spans.map(told)).toEqual([crash, crash, crash, ['bad', 'dead-lettered', 'stage-crash', true]])
    expect(places).toEqual(spans.slice(0, 3).map(({ traceId, spanId }) => spanContext(`00-${traceId}-${spanId}-01`)))
    expect(JSON.stringify(spans)).not.toContain('secret')
  })

  test('leaves the others of the batch, and begins their spans anew', async () => {
    const on = await open()
    const kept = await keptTraces()
    const results = watchResults(on)
    await on.log.append([recordOf('bad', null), recordOf('good', traceparentOf(1, true))])
    worker = work(on, crashing, { observer: kept.tracing.worker('dedupe', 'notifications.requested') })
    await on.until(() => results.accepted.length === 1)
    const good = async () => (await stageSpansOf(kept)).map(told).filter(([id]) => id === 'good')
    await on.until(async () => (await good()).length === 4)
    expect(await good()).toEqual([
      ...Array.from({ length: 3 }, () => ['good', 'left', null, false]),
      ['good', undefined, null, false],
    ])
  })
})

test('what cannot be read is followed in the trace of the header that it came with, or in one of its own', async () => {
  const on = await open()
  const kept = await keptTraces()
  const results = watchResults(on)
  const poison = { ...recordOf('1', null), value: Buffer.from('poison') }
  const { event: _, ...unknown } = poison
  await on.log.append([
    { ...unknown, headers: { [traceHeader]: traceparentOf(3, false) } },
    { ...unknown, headers: { [traceHeader]: 'anything' } },
  ])
  worker = work(on, forwardingStage(), { observer: kept.tracing.worker('dedupe', 'notifications.requested') })
  await on.until(() => results.deadLetters.length === 2)
  const spans = await stageSpansOf(kept)
  expect(spans.map((span) => [span.traceId, ...told(span)])).toEqual([
    [spanContext(traceparentOf(3, false)).trace_id, null, 'dead-lettered', 'not-avro', true],
    [expect.stringMatching(/^[0-9a-f]{32}$/), null, 'dead-lettered', 'not-avro', true],
  ])
})

test('a commit links to 128 records at most, and says of how many more', async () => {
  const on = await open()
  const kept = await keptTraces()
  const results = watchResults(on)
  const records = Array.from({ length: 150 }, (_, index) => recordOf(String(index), traceparentOf(index + 1, true)))
  await on.log.append(records)
  worker = work(on, forwardingStage(), {
    mailbox: 200,
    batch: 200,
    observer: kept.tracing.worker('dedupe', 'notifications.requested'),
  })
  await on.until(() => results.accepted.length === 150)
  const commits = (await kept.spans()).filter(({ name }) => name === 'commit dedupe')
  expect(commits.map(({ links, fields }) => [links.length, fields['carillon.commit.links_left_out']])).toEqual([
    [128, 22],
  ])
})

test('what is told to readers outside is the header of a recorded trace', () => {
  const headers = [traceparentOf(1, true), traceparentOf(1, false), null].map((trace) => recordOf('1', trace).headers)
  expect(headers).toEqual([{ traceparent: traceparentOf(1, true) }, {}, {}])
})
