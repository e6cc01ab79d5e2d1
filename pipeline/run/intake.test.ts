import { describe, expect, it } from 'vitest'
import type { Templates } from '../../ingress/ports.js'
import { Unavailable } from '../../schemas/errors.js'
import type { DeadLetter, NotificationInbound } from '../../schemas/events.js'
import { notificationIdOf } from '../../schemas/ids.js'
import { inbound } from '../../schemas/outgoing.js'
import { topicName, topicOf } from '../../schemas/streams.js'
import { mergeRecord } from '../../stages/record/merge.js'
import { showRecord } from '../../stages/record/show.js'
import { inboundEvent } from '../../testing/ingress/intake-sample.js'
import { type StageRunner, stageRunner, startMs } from '../../testing/stages/stage-runner-sample.js'
import type { NewRecord } from '../engine/log.js'
import { seededRandom } from '../engine/seeded-random.js'
import { intake } from './intake.js'

type Change = Parameters<typeof inboundEvent>[0]

const welcome = { id: 'welcome', version: 3, locale: 'en', locales: {}, defaults: {}, createdAt: '', updatedAt: '' }

/** Templates that count who asks. */
function templatesAt(asked: string[] = []): Pick<Templates, 'get'> {
  return {
    async get(_, id) {
      asked.push(id)
      return id === welcome.id ? welcome : undefined
    },
  }
}

const options = {
  templates: templatesAt(),
  dedupeWindowMs: 10_800_000,
  retryBounds: { minWaitMs: 1000, maxGiveUpAfterMs: 604_800_000 },
}

/** An event as an upstream writes it: its bytes alone, under any key. */
function written({ codec }: StageRunner, change: Change, more: Partial<NewRecord> = {}): NewRecord {
  const event = inboundEvent(change)
  const { topic, value, headers } = codec.encode({ ...inbound(event, ''), value: event }, startMs)
  return { topic, key: Buffer.of(0, 255), value, headers, timestampMs: startMs, ...more }
}

const accepted = (runner: StageRunner) => runner.told('notifications.requested', 'notification-requested')
const letters = (runner: StageRunner): DeadLetter[] =>
  runner.told('dead-letters', 'dead-letter').map(({ value }) => value)
const statuses = (runner: StageRunner) =>
  runner.told('notifications.status', 'notification-status').map(({ value }) => value)

describe('intake', () => {
  it('puts each event in its lane under its recipient, with its template pinned', async () => {
    const runner = stageRunner({ partitions: 3 })
    const worker = runner.start(intake(options))
    await runner.appendRecords([
      written(runner, { id: 'a', to: { id: 'ada' }, priority: 'high', template: 'welcome', content: null }),
      written(runner, { id: 'b', to: { email: 'bo@example.com' }, priority: 'low' }, { key: null }),
      written(
        runner,
        { id: 'c', to: { id: 'ada' } },
        { key: Buffer.from('another'), headers: { 'x-correlation-id': 'c-1' } },
      ),
    ])
    await runner.stop(worker)
    const keys = runner.commits.flatMap(({ outputs }) => outputs.map(({ key }) => Buffer.from(key ?? []).toString()))
    const told = accepted(runner).map(({ topic, value }) => [
      topicName(topic),
      value.id,
      value.template?.version ?? null,
    ])
    expect(told).toEqual([
      ['notifications.requested.high', 'a', 3],
      ['notifications.requested.normal', 'c', null],
      ['notifications.requested.low', 'b', null],
    ])
    expect(keys.sort()).toEqual(['default/ada', 'default/ada', 'default/bo@example.com'])
    expect(accepted(runner)[1]?.value.correlationId).toBe('c-1')
    expect([letters(runner), statuses(runner)]).toEqual([[], []])
  })

  it('gives a repeat of an upstream’s event the same id, and two events without ids two', async () => {
    const runner = stageRunner({ partitions: 2 })
    const worker = runner.start(intake(options))
    const repeated = written(runner, { eventId: 'order-1' })
    const anonymous = written(runner, {})
    await runner.appendRecords([repeated, { ...repeated, key: Buffer.from('x') }, anonymous, anonymous])
    await runner.stop(worker)
    const ids = accepted(runner).map(({ value }) => value.id)
    expect([ids.length, new Set(ids).size]).toEqual([4, 3])
  })

  it('takes each event in once, with the same id, however often its commits fail', async () => {
    const runner = stageRunner({ faults: { random: seededRandom(7), commitFails: 0.5 } })
    const worker = runner.start(intake(options), { mailbox: 4, batch: 2 })
    await runner.appendRecords(Array.from({ length: 40 }, () => written(runner, {})))
    await runner.advance(120_000)
    await runner.stop(worker)
    const expected = Array.from({ length: 40 }, (_, offset) =>
      notificationIdOf({
        value: inboundEvent(),
        recordId: `notifications.inbound-0-${offset}`,
        timestampMs: startMs,
      }),
    )
    expect(worker.restarts()).toBeGreaterThan(0)
    expect(accepted(runner).map(({ value }) => value.id)).toEqual(expected)
  })

  it('asks for each template of a batch once', async () => {
    const asked: string[] = []
    const runner = stageRunner()
    await runner.appendRecords(
      ['welcome', 'welcome', 'other', 'welcome'].map((template) => written(runner, { template })),
    )
    const worker = runner.start(intake({ ...options, templates: templatesAt(asked) }))
    await runner.advance(0)
    await runner.stop(worker)
    expect(asked.sort()).toEqual(['other', 'welcome'])
    expect([accepted(runner).length, letters(runner).length]).toEqual([3, 1])
  })
})

describe('an event that is not valid', () => {
  const wrong: Change = { id: 'n-1', to: { id: 'ada' }, data: '{"name"', priority: 'urgent', correlationId: 'c-1' }

  it('is recorded as rejected, with its reason and the paths of its fields', async () => {
    const runner = stageRunner()
    const worker = runner.start(intake(options))
    await runner.appendRecords([written(runner, wrong)])
    await runner.stop(worker)
    const at = new Date(startMs).toISOString()
    expect(showRecord(mergeRecord(undefined, statuses(runner)))).toEqual({
      id: 'n-1',
      status: 'rejected',
      recipient: 'ada',
      channels: [],
      priority: 'normal',
      createdAt: at,
      updatedAt: at,
      correlationId: 'c-1',
      origin: 'kafka',
      deliveries: [],
      timeline: [
        {
          ...{ at, stage: 'ingress', event: 'rejected', reason: 'invalid-request' },
          detail: expect.stringMatching(/^data: Not JSON.*\. priority: Must be one of high, normal, low\.$/),
        },
      ],
    })
  })

  it('goes to the dead letters as it came', async () => {
    const runner = stageRunner()
    const worker = runner.start(intake(options))
    const record = written(runner, wrong, { headers: { source: 'shop' } })
    await runner.appendRecords([record])
    await runner.stop(worker)
    expect(letters(runner)).toEqual([
      {
        ...{ id: 'notifications.inbound-0-0-intake', tenant: 'default', atMs: startMs, stage: 'intake' },
        ...{ topic: 'notifications.inbound', partition: 0, offset: 0, cause: 'invalid-request' },
        detail: statuses(runner)[0]?.trail[0]?.detail,
        ...{ notificationId: 'n-1', key: record.key, value: record.value, headers: { source: 'shop' }, replays: 0 },
      },
    ])
  })

  it('does not keep those around it from going on', async () => {
    const runner = stageRunner()
    const worker = runner.start(intake(options))
    const bad: readonly Partial<NotificationInbound>[] = [
      { template: 'nope' },
      { data: `{"a":"${'x'.repeat(65_536)}"}` },
      { expiresAt: '2029-12-31T00:00:00Z' },
      { data: '[' },
    ]
    const records = bad.flatMap((change, index) => [written(runner, change), written(runner, { id: `good-${index}` })])
    await runner.appendRecords([written(runner, { to: { phone: '+49\u0000' } }), ...records])
    await runner.stop(worker)
    expect(accepted(runner).map(({ value }) => value.id)).toEqual(bad.map((_, index) => `good-${index}`))
    expect(letters(runner).map(({ detail }) => detail.split(':')[0])).toEqual([
      ...['to.phone', 'template', 'data', 'expiresAt', 'data'],
    ])
    expect(letters(runner).map(({ notificationId }) => notificationId)).toEqual(
      statuses(runner).map(({ notificationId }) => notificationId),
    )
  })

  it('that cannot be read at all goes to the dead letters too, and nothing else waits for it', async () => {
    const runner = stageRunner()
    const worker = runner.start(intake(options))
    const topic = topicOf('notifications.inbound', null, null)
    const bytes = (...value: number[]) => ({
      topic,
      key: null,
      value: Buffer.of(...value),
      headers: {},
      timestampMs: startMs,
    })
    const good = written(runner, { id: 'good' })
    const unread = [bytes(123, 125), bytes(0, 0, 0, 3, 232, 1), bytes(0, 0, 0, 0, 2), bytes(0, 0, 0, 0, 10, 99)]
    const truncated = { ...good, value: good.value?.subarray(0, -2) ?? null }
    await runner.appendRecords([...unread, { ...bytes(), value: null }, truncated, good])
    await runner.stop(worker)
    expect(letters(runner).map(({ cause, notificationId, tenant }) => [cause, notificationId, tenant])).toEqual(
      ['not-avro', 'unknown-schema', 'wrong-event', 'not-avro', 'tombstone', 'truncated'].map((cause) => [
        cause,
        null,
        'default',
      ]),
    )
    expect(letters(runner).map(({ value }) => value && Buffer.from(value))).toEqual(
      [...unread.map(({ value }) => value), null, truncated.value].map((value) => value && Buffer.from(value)),
    )
    expect(accepted(runner).map(({ value }) => value.id)).toEqual(['good'])
    expect(statuses(runner)).toEqual([])
  })
})

describe('while the store is away', () => {
  it('events wait, and go on when it is back', async () => {
    const runner = stageRunner()
    let away = true
    const templates: Pick<Templates, 'get'> = {
      async get(tenant, id) {
        if (away) throw new Unavailable('The store is away')
        return templatesAt().get(tenant, id)
      },
    }
    const crashes: unknown[] = []
    const worker = runner.start(intake({ ...options, templates }), {
      observer: { crashed: (error) => crashes.push((error as { code?: unknown }).code) },
    })
    await runner.appendRecords([written(runner, { id: 'n-1', template: 'welcome' })])
    await runner.advance(120_000)
    expect([accepted(runner), letters(runner)]).toEqual([[], []])
    expect(new Set(crashes)).toEqual(new Set(['unavailable']))
    away = false
    await runner.advance(10_000)
    await runner.stop(worker)
    expect(accepted(runner).map(({ value }) => value.id)).toEqual(['n-1'])
    expect(letters(runner)).toEqual([])
  })
})

it('an event that breaks intake again and again ends as failed, under its notification’s id', async () => {
  const runner = stageRunner()
  const templates: Pick<Templates, 'get'> = { get: () => Promise.reject(new Error('A fault of the code')) }
  const worker = runner.start(intake({ ...options, templates }))
  await runner.appendRecords([written(runner, { id: 'n-1', template: 'welcome', replays: 2 })])
  await runner.advance(60_000)
  await runner.stop(worker)
  expect(letters(runner)).toMatchObject([{ cause: 'stage-crash', stage: 'intake', notificationId: 'n-1', replays: 2 }])
  expect(showRecord(mergeRecord(undefined, statuses(runner)))).toMatchObject({
    id: 'n-1',
    status: 'failed',
    timeline: [{ stage: 'ingress', event: 'dead-lettered', reason: 'stage-crash' }],
  })
})
