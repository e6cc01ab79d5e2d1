import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { requested } from '../../../schemas/outgoing.js'
import { topicOf } from '../../../schemas/streams.js'
import { samplesOf } from '../../../testing/observe/metrics/samples-under-test.js'
import { sampleRequest } from '../../../testing/stores/store-under-test.js'
import { createCodec } from '../../engine/codec.js'
import type { LogRecord, NewRecord } from '../../engine/log.js'
import type { AnyInput, Commit } from '../../engine/worker-observer.js'
import { createMetrics } from './metrics.js'
import { stageObserver } from './stage-observer.js'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

const high = topicOf('notifications.requested', 'high', null)
const low = topicOf('notifications.requested', 'low', null)
const nothing = { key: null, value: null, headers: {}, timestampMs: 0 }

function read(topic: typeof high, offset: number): LogRecord {
  return { ...nothing, topic, partition: 0, offset }
}
function written(topic: typeof high): NewRecord {
  return { ...nothing, topic }
}
/** An input stands for itself only. */
function input(recordId: string): AnyInput {
  return { recordId } as AnyInput
}
function commitOf(changes: Partial<Commit>): Commit {
  return { inputs: [], acked: [], outputs: [], drops: [], deadLetters: [], commitMs: 0, ...changes }
}

test('a commit counts what it settles, writes, drops and gives up, by lane', async () => {
  const metrics = createMetrics()
  const observer = stageObserver(metrics, 'dedupe')
  observer.committed?.(
    commitOf({
      acked: [read(high, 1), read(low, 1), read(low, 2), read(low, 3)],
      outputs: [
        written(topicOf('notifications.accepted', 'low', null)),
        written(topicOf('notifications.status', null, null)),
        written(topicOf('notifications.status', null, null)),
      ],
      drops: [
        { lane: 'low', reason: 'duplicate', input: null, givenUp: null },
        { lane: 'low', reason: 'duplicate', input: null, givenUp: null },
      ],
      deadLetters: [{ lane: null, reason: 'not-avro', input: null, givenUp: null }],
      commitMs: 4,
    }),
  )
  const stage = 'stage="dedupe"'
  expect(
    await samplesOf(metrics, 'consumed', 'sent', 'dropped', 'deadLetters', 'operationSeconds', 'commitRecords'),
  ).toEqual([
    `messaging_client_consumed_messages_total{${stage},lane="high"} 1`,
    `messaging_client_consumed_messages_total{${stage},lane="low"} 3`,
    `messaging_client_sent_messages_total{${stage},messaging_destination_name="notifications.accepted",lane="low"} 1`,
    `messaging_client_sent_messages_total{${stage},messaging_destination_name="notifications.status",lane="all"} 2`,
    `carillon_stage_dropped_total{${stage},lane="low",reason="duplicate"} 2`,
    `carillon_stage_dead_letters_total{${stage},lane="all",cause="not-avro"} 1`,
    `messaging_client_operation_duration_seconds_sum{${stage},messaging_operation_name="commit"} 0.004`,
    `messaging_client_operation_duration_seconds_count{${stage},messaging_operation_name="commit"} 1`,
    `carillon_stage_commit_records_sum{${stage}} 4`,
    `carillon_stage_commit_records_count{${stage}} 1`,
  ])
})

test('the time of a batch is told once for each commit that settles some of it', async () => {
  const metrics = createMetrics()
  const observer = stageObserver(metrics, 'route')
  const [a, b, c, d] = [input('a'), input('b'), input('c'), input('d')]
  observer.given?.([a, b])
  vi.advanceTimersByTime(1000)
  observer.given?.([c])
  vi.advanceTimersByTime(1000)
  observer.committed?.(commitOf({ inputs: [a, c] }))
  vi.advanceTimersByTime(1000)
  observer.committed?.(commitOf({ inputs: [b, d] }))
  expect(await samplesOf(metrics, 'processSeconds')).toEqual([
    'messaging_process_duration_seconds_sum{stage="route"} 6',
    'messaging_process_duration_seconds_count{stage="route"} 3',
  ])
})

test('partitions are counted once for all lanes, and a rebalance is a change of what was owned', async () => {
  const metrics = createMetrics()
  const observer = stageObserver(metrics, 'route')
  const told = () => samplesOf(metrics, 'partitions', 'rebalances')
  const own = (...partitions: readonly number[]) =>
    observer.assigned?.(partitions.flatMap((partition) => [high, low].map((topic) => ({ topic, partition }))))
  own(0, 1, 2)
  own(2, 1, 0)
  expect(await told()).toEqual([
    'carillon_stage_partitions{stage="route"} 3',
    'carillon_stage_rebalances_total{stage="route"} 0',
  ])
  own(0, 1)
  own(0, 1, 3)
  expect(await told()).toEqual([
    'carillon_stage_partitions{stage="route"} 3',
    'carillon_stage_rebalances_total{stage="route"} 2',
  ])
})

test('restarts are told from the beginning, so that the first is an increase', async () => {
  const metrics = createMetrics()
  const observer = stageObserver(metrics, 'record')
  expect(await samplesOf(metrics, 'restarts')).toEqual(['carillon_stage_restarts_total{stage="record"} 0'])
  observer.crashed?.(new Error('broken'), 100)
  expect(await samplesOf(metrics, 'restarts')).toEqual(['carillon_stage_restarts_total{stage="record"} 1'])
})

test('what the intake lets through counts as accepted', async () => {
  const metrics = createMetrics()
  const codec = createCodec()
  const outputs = (['low', 'low', 'high'] as const).map((priority, at) =>
    codec.encode(requested(sampleRequest(`n-${at}`, at, { priority, origin: 'kafka' })), 0),
  )
  const status = written(topicOf('notifications.status', null, null))
  stageObserver(metrics, 'intake').committed?.(commitOf({ outputs: [...outputs, status] }))
  stageObserver(metrics, 'dedupe').committed?.(commitOf({ outputs }))
  expect(await samplesOf(metrics, 'accepted')).toEqual([
    'carillon_ingress_accepted_total{priority="low",origin="kafka"} 2',
    'carillon_ingress_accepted_total{priority="high",origin="kafka"} 1',
  ])
})
