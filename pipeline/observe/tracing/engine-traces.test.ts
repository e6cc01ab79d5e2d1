/** Traces of notifications that go through a whole engine. */

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { SendRequest, SendResult } from '../../../stages/deliver/providers/provider.js'
import { keptTraces, type SeenSpan, traceparentOf, treeOf } from '../../../testing/observe/tracing/spans-sample.js'
import { closeAll, notificationOf, run } from '../../../testing/run/embedded/engine-sample.js'
import { retriesOf } from '../../../testing/run/retries-sample.js'
import type { Config } from '../../config/config.js'

// A retry waits a part of what it may, by chance: here, most of it. Ids are made of chance too, and stay different.
beforeEach(() => {
  const chance = Math.random
  vi.spyOn(Math, 'random').mockImplementation(() => 0.5 + chance() / 2)
})
afterEach(() => vi.restoreAllMocks())
afterEach(closeAll)

const waiting = (config: Config): Config => ({ ...config, retry: retriesOf([200], 60_000) })

const said = ['carillon.attempt', 'carillon.outcome', 'carillon.reason', 'carillon.status', 'carillon.wait.reasons']

/** Name, kind and what was decided. */
function told({ name, kind, fields, failed }: SeenSpan): string {
  const values = said.flatMap((field) => (fields[field] === undefined ? [] : [String(fields[field])]))
  return [name, kind, ...values, ...(failed ? ['ERROR'] : [])].join(' ')
}

const isCommit = ({ name }: SeenSpan) => name.startsWith('commit ')
const sorted = (tree: ReturnType<typeof treeOf>) => tree.map(([what, ...below]) => [what, ...below]).sort()

/** A provider that fails as often as it is told to; `sent`: the trace context of each call. */
function failing(times: number) {
  const sent: (string | null)[] = []
  const answer = ({ traceparent }: SendRequest): SendResult => {
    sent.push(traceparent)
    return sent.length <= times ? { outcome: 'transient', error: 'down' } : { outcome: 'delivered' }
  }
  return { answer, sent }
}

/** What a first call that fails and a second that does not leave behind, from the failing call on. */
const afterTheFailure = [
  ['deliver deliveries.released consumer delivered', ['attempt stub client 2 delivered']],
  ['deliver deliveries.released consumer retried transient', ['attempt stub client 1 transient ERROR']],
  ['record notifications.status consumer delivered'],
  ['record notifications.status consumer scheduled'],
  ['record notifications.status consumer sending'],
  ['throttle deliveries.routed consumer parked'],
  ['wait in throttle internal released retry'],
]

describe('a notification that is followed', () => {
  test('has one trace through all stages, with its wait and each call, and a call that failed', async () => {
    const kept = await keptTraces()
    const { answer, sent } = failing(1)
    const one = await run(undefined, { answer, tracing: kept.tracing, config: waiting })
    const notification = notificationOf({ traceparent: traceparentOf(7, true) })
    await one.accept([notification])
    await one.ended(notification.id)
    await one.until(async () => (await kept.spans()).filter((span) => !isCommit(span)).length === 15)
    const spans = (await kept.spans()).filter((span) => !isCommit(span))
    expect(sorted(treeOf(spans, told))).toEqual(
      [
        ...afterTheFailure,
        ['dedupe notifications.requested consumer admitted'],
        ['enrich-template notifications.accepted consumer rendered'],
        ['record notifications.status consumer sending'],
        ['route notifications.rendered consumer routed'],
        ['throttle deliveries.routed consumer released'],
        ['wait in throttle internal released '],
      ].sort(),
    )
    expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([traceparentOf(7, true).slice(3, 35)]))
    expect(spans.filter(({ parentId }) => parentId === '00000000000000aa').length).toBe(13)
    const attempts = spans.filter(({ name }) => name === 'attempt stub')
    expect(sent).toEqual(attempts.map(({ traceId, spanId }) => `00-${traceId}-${spanId}-01`))
  })

  test('shows where each record stood, and nothing of people', async () => {
    const kept = await keptTraces()
    const one = await run(undefined, { tracing: kept.tracing })
    const notification = notificationOf({
      traceparent: traceparentOf(7, true),
      recipient: 'recipient-of-it',
      to: { id: 'recipient-of-it', email: 'ann@example.org', phone: null, device: null, webhook: null, slack: null },
      metadata: '{"secret":"metadata"}',
      data: '{"secret":"data"}',
    })
    await one.accept([notification])
    await one.ended(notification.id)
    await one.until(async () => (await kept.spans()).some(({ fields }) => fields['carillon.status'] === 'sent'))
    const spans = await kept.spans()
    expect(spans.find(({ name }) => name.startsWith('deliver '))?.fields).toEqual({
      'messaging.system': 'sqlite',
      'messaging.operation.name': 'deliver',
      'messaging.operation.type': 'process',
      'messaging.destination.name': 'deliveries.released',
      'messaging.consumer.group.name': 'deliver',
      'messaging.destination.partition.id': '0',
      'carillon.stage': 'deliver',
      'carillon.record': 'deliveries.released.email.normal-0-0',
      'carillon.lane': 'normal',
      'carillon.notification': notification.id,
      'carillon.delivery': `${notification.id}.email`,
      'carillon.channel': 'email',
      'carillon.provider': 'stub',
      'carillon.outcome': 'sent',
    })
    const written = JSON.stringify(spans)
    for (const private_ of ['recipient-of-it', 'ann@example.org', 'Text of', 'Hello', 'secret']) {
      expect(written).not.toContain(private_)
    }
  })

  test('that is to go later shows for what and how long it waited', async () => {
    const kept = await keptTraces()
    const one = await run(undefined, { tracing: kept.tracing })
    const sendAtMs = Date.now() + 400
    const notification = notificationOf({ traceparent: traceparentOf(7, true), sendAtMs })
    await one.accept([notification])
    await one.ended(notification.id)
    const isWait = ({ name }: SeenSpan) => name === 'wait in throttle'
    await one.until(async () => (await kept.spans()).some(isWait))
    const waits = (await kept.spans()).filter(isWait)
    expect(waits.map(({ fields, events }) => [fields['carillon.wait.reasons'], events])).toEqual([
      [['send-at'], ['throttle parked']],
    ])
    expect((waits[0]?.endMs ?? 0) >= sendAtMs && (waits[0]?.startMs ?? sendAtMs) < sendAtMs - 100).toBe(true)
  })

  test('has a span for each commit that links to it, with what the commit held', async () => {
    const kept = await keptTraces()
    const one = await run(undefined, { tracing: kept.tracing })
    const notification = notificationOf({ traceparent: traceparentOf(7, true) })
    await one.accept([notification, notificationOf(), notificationOf()])
    await one.ended(notification.id)
    await one.until(async () => (await kept.spans()).some(({ name }) => name === 'commit dedupe'))
    const spans = await kept.spans()
    const commit = spans.find(({ name }) => name === 'commit dedupe')
    const dedupe = spans.find(({ name }) => name === 'dedupe notifications.requested')
    expect([commit?.parentId, commit?.traceId === dedupe?.traceId, commit?.links, commit?.fields]).toEqual([
      undefined,
      false,
      [dedupe?.spanId],
      {
        'messaging.system': 'sqlite',
        'messaging.batch.message_count': 3,
        'carillon.stage': 'dedupe',
        'carillon.commit.outputs': 3,
        'carillon.commit.dropped': 0,
        'carillon.commit.dead_letters': 0,
        'carillon.commit.links_left_out': 0,
      },
    ])
  })
})

describe('a notification that nobody follows', () => {
  test.each([
    ['of a trace that is not recorded', traceparentOf(7, false)],
    ['of no trace', null],
  ])('%s leaves no span, and what it came with goes out', async (_, traceparent) => {
    const kept = await keptTraces()
    const { answer, sent } = failing(0)
    const one = await run(undefined, { answer, tracing: kept.tracing, config: waiting })
    const notification = notificationOf({ traceparent })
    await one.accept([notification])
    await one.ended(notification.id)
    await one.close()
    expect([await kept.spans(), sent]).toEqual([[], [traceparent]])
  })

  test('is followed from the call that fails, which tells what was before', async () => {
    const kept = await keptTraces()
    const { answer, sent } = failing(1)
    const one = await run(undefined, { answer, tracing: kept.tracing, config: waiting })
    const notification = notificationOf({ traceparent: traceparentOf(7, false) })
    await one.accept([notification])
    await one.ended(notification.id)
    await one.until(async () => (await kept.spans()).filter((span) => !isCommit(span)).length === 9)
    const spans = (await kept.spans()).filter((span) => !isCommit(span))
    expect(sorted(treeOf(spans, told))).toEqual([...afterTheFailure].sort())
    expect(spans.find(({ name }) => name.startsWith('deliver '))?.events).toEqual([
      'ingress accepted',
      'dedupe admitted',
      'enrich-template rendered',
      'route routed',
      'throttle released',
      'deliver retried',
    ])
    const second = spans.find(({ fields }) => fields['carillon.attempt'] === 2)
    expect(sent).toEqual([traceparentOf(7, false), `00-${second?.traceId}-${second?.spanId}-01`])
  })

  test('and has no trace begins one with the call that fails, and ends in it', async () => {
    const kept = await keptTraces(0)
    const { answer, sent } = failing(1)
    const one = await run(undefined, { answer, tracing: kept.tracing, config: waiting })
    const notification = notificationOf()
    await one.accept([notification])
    await one.ended(notification.id)
    await one.until(async () => (await kept.spans()).filter((span) => !isCommit(span)).length === 9)
    const spans = (await kept.spans()).filter((span) => !isCommit(span))
    // All that comes after is below the deliver that began it, beside its call.
    const [[first = '', call = [''], ...after] = [], ...others] = treeOf(spans, told)
    expect([others, [[first, call], ...after].sort()]).toEqual([[], [...afterTheFailure].sort()])
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1)
    const second = spans.find(({ fields }) => fields['carillon.attempt'] === 2)
    expect(sent).toEqual([null, `00-${second?.traceId}-${second?.spanId}-01`])
  })

  test('is followed where it is given up', async () => {
    const kept = await keptTraces()
    const one = await run(undefined, {
      answer: () => ({ outcome: 'permanent', error: 'no' }),
      tracing: kept.tracing,
    })
    const notification = notificationOf({ traceparent: traceparentOf(7, false) })
    await one.accept([notification])
    await one.ended(notification.id)
    await one.until(async () => (await kept.spans()).some(({ name }) => name.startsWith('record ')))
    const spans = (await kept.spans()).filter((span) => !isCommit(span))
    expect(sorted(treeOf(spans, told))).toEqual([
      [
        'deliver deliveries.released consumer dead-lettered permanent-error ERROR',
        ['attempt stub client 1 permanent ERROR'],
      ],
      ['record notifications.status consumer failed'],
    ])
  })
})
