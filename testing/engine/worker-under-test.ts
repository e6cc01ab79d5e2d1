/** The stages, records and questions that the worker's conformance tests are made of. */

import { createCodec } from '../../pipeline/engine/codec.js'
import type { JoinOptions, Member, NewRecord } from '../../pipeline/engine/log.js'
import { seededRandom } from '../../pipeline/engine/seeded-random.js'
import { runWorker, type Worker, type WorkerOptions } from '../../pipeline/engine/worker.js'
import type { EventOf } from '../../schemas/avro.js'
import type { DeadLetter, NotificationRequested } from '../../schemas/events.js'
import { accepted, requested } from '../../schemas/outgoing.js'
import { type Lane, topicOf } from '../../schemas/streams.js'
import { eachRecord, emit, type Outcome, type RecordContext, type Stage } from '../../stages/stage.js'
import { type LogUnderTest, waysFor } from './log-under-test.js'

/** The stage that every test runs in one form or another. */
export type ForwardingStage = Stage<'notification-requested', 'notification-accepted'>

const codec = createCodec()

/** A request for a recipient. */
export function notification(id: string, priority: Lane = 'normal', recipient = 'user'): NotificationRequested {
  const nobody = { email: null, phone: null, device: null, webhook: null, slack: null }
  return {
    id,
    tenant: 'default',
    nonce: '',
    recipient,
    to: { id: recipient, ...nobody },
    channels: null,
    template: null,
    content: null,
    data: '{}',
    priority,
    sendAtMs: null,
    expiresAtMs: null,
    retry: null,
    dedupe: null,
    metadata: '{}',
    batchId: null,
    correlationId: 'correlation',
    traceparent: null,
    origin: 'native',
    acceptedAtMs: 1_900_000_000_000,
    replays: 0,
  }
}

/** `count` requests as records, spread over eight recipients; their ids are `from`, `from` + 1, … Only their bytes
 *  tell what they say, as if another process had written them. */
export function notificationRecords(count: number, from = 0): NewRecord[] {
  return Array.from({ length: count }, (_, index) => {
    const id = String(from + index)
    const event = requested(notification(id, 'normal', `user-${(from + index) % 8}`))
    const { topic, key, value, headers, timestampMs } = codec.encode(event, event.value.acceptedAtMs)
    return { topic, key, value, headers, timestampMs }
  })
}

/** The log under test, with some of what its members do replaced. */
export function withMembers(opened: LogUnderTest, replaced: (member: Member) => Partial<Member>): LogUnderTest {
  const { log } = opened
  const join = async (options: JoinOptions): Promise<Member> => {
    const member = await log.join(options)
    return {
      assignments: member.assignments,
      start: (assignment) => member.start(assignment),
      poll: (max, waitMs) => member.poll(max, waitMs),
      commit: (transaction) => member.commit(transaction),
      get: (scope, key) => member.get(scope, key),
      range: (scope, from, to, limit) => member.range(scope, from, to, limit),
      onRevoke: (ack) => member.onRevoke(ack),
      leave: () => member.leave(),
      ...replaced(member),
    }
  }
  return { ...opened, log: { ...log, join } }
}

/** The ids of those records. */
export function idsOf(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, index) => String(from + index)).sort()
}

/** A record's own request, on its way to the next topic. */
export function forwarded(record: EventOf<'notification-requested'>): Outcome<'notification-accepted'> {
  return emit(accepted({ request: record.value, trail: [] }))
}

/** A stage that forwards every record for which `before` does not throw. */
export function forwardingStage(
  before: (id: string, context: RecordContext) => void = () => undefined,
): ForwardingStage {
  return eachRecord<'notification-requested', 'notification-accepted'>(
    'dedupe',
    'notifications.requested',
    (record, context) => {
      before(record.value.id, context)
      return forwarded(record)
    },
  )
}

/** Runs a stage on the log under test. */
export function work(
  { log, clock }: LogUnderTest,
  stage: ForwardingStage,
  more: Partial<WorkerOptions<'notification-requested', 'notification-accepted'>> = {},
): Worker {
  const topics = waysFor('notifications.requested')
  return runWorker({ stage, log, topics, codec, clock, random: seededRandom(1), mailbox: 40, batch: 20, ...more })
}

/** What has come out so far; it grows. */
export interface Results {
  /** Ids, in the order in which they were forwarded. */
  readonly accepted: readonly string[]
  readonly deadLetters: readonly DeadLetter[]
}

/** Watches everything that the stage writes. */
export function watchResults({ log }: LogUnderTest): Results {
  const ids: string[] = []
  const deadLetters: DeadLetter[] = []
  for (const topic of waysFor('notifications.accepted')) {
    log.tail(topic).subscribe((record) => {
      ids.push(codec.decode(record, ['notification-accepted']).value.request.id)
    })
  }
  log.tail(topicOf('dead-letters', null, null)).subscribe((record) => {
    deadLetters.push(codec.decode(record, ['dead-letter']).value)
  })
  return { accepted: ids, deadLetters }
}
