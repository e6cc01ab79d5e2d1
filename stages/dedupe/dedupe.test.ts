import { Subject, VirtualTimeScheduler } from 'rxjs'
import { describe, expect, test } from 'vitest'
import type { NotificationRequested } from '../../schemas/events.js'
import { cancel, requested } from '../../schemas/outgoing.js'
import type { NotificationState } from '../../schemas/record.js'
import { topicsOf } from '../../schemas/streams.js'
import { notification } from '../../testing/engine/worker-under-test.js'
import { quietContext } from '../../testing/stages/context-sample.js'
import { stageRunner, startMs } from '../../testing/stages/stage-runner-sample.js'
import type { Batch } from '../stage.js'
import { type DedupeOptions, dedupe, type Outcomes } from './dedupe.js'

const hour = 3_600_000
const windowMs = 3 * hour

/** A store in which nothing has ended. */
const undecided: Outcomes = { endsOf: async () => new Map() }

function runDedupe({
  outcomes = undecided,
  ...options
}: Partial<DedupeOptions> & { readonly outcomes?: Outcomes } = {}) {
  const runner = stageRunner()
  const drops = new Map<string, number>()
  const observer = {
    committed: (commit: { readonly drops: readonly { readonly reason: string }[] }) => {
      for (const { reason } of commit.drops) drops.set(reason, (drops.get(reason) ?? 0) + 1)
    },
  }
  const stage = dedupe(outcomes, { idWindowMs: 24 * hour, announce: false, ...options })
  let worker = runner.start(stage, { observer })
  return {
    ...runner,
    drops: () => Object.fromEntries(drops),
    ask: (...requests: readonly NotificationRequested[]) => runner.append(...requests.map(requested)),
    accepted: () => runner.told('notifications.accepted', 'notification-accepted').map(({ value }) => value.request.id),
    statuses: () => runner.told('notifications.status', 'notification-status').map(({ value }) => value),
    async restart() {
      await runner.stop(worker)
      worker = runner.start(stage, { observer })
      await runner.advance(0)
    },
    restarts: () => worker.restarts(),
  }
}

const asked = (id: string, key: string | null, changes: Partial<NotificationRequested> = {}) => ({
  ...notification(id),
  dedupe: key === null ? null : { key, windowMs },
  ...changes,
})

test('a notification goes on as it came, with what was decided', async () => {
  const run = runDedupe()
  const request = asked('a', null)
  await run.ask(request)
  const entry = { channel: null, reason: null, detail: null }
  expect(run.told('notifications.accepted', 'notification-accepted').map(({ value }) => value)).toEqual([
    {
      request,
      trail: [
        { atMs: request.acceptedAtMs, stage: 'ingress', event: 'accepted', ...entry },
        { atMs: startMs, stage: 'dedupe', event: 'admitted', ...entry },
      ],
    },
  ])
  expect(run.statuses()).toEqual([])
})

describe('a twin of the same id', () => {
  test('is dropped silently, after a restart too, for as long as ids are remembered', async () => {
    const run = runDedupe()
    await run.ask(asked('a', null), asked('a', null))
    await run.restart()
    await run.advance(24 * hour - 1)
    await run.ask(asked('a', null), asked('b', null))
    expect([run.accepted(), run.statuses(), run.drops()]).toEqual([['a', 'b'], [], { 'same-id': 2 }])
    await run.advance(1)
    await run.ask(asked('a', null))
    expect(run.accepted()).toEqual(['a', 'b', 'a'])
  })

  test('passes when it is a replay, once for each replay', async () => {
    const run = runDedupe()
    const replay = asked('a', 'key', { nonce: 'n-1', replays: 1 })
    await run.ask(asked('a', 'key'), replay, replay, { ...replay, nonce: 'n-2', replays: 2 })
    expect([run.accepted(), run.drops()]).toEqual([['a', 'a', 'a'], { 'same-id': 1 }])
  })

  test('of another tenant is no twin', async () => {
    const run = runDedupe()
    await run.ask(asked('a', null), asked('a', null, { tenant: 'other' }))
    expect(run.accepted()).toEqual(['a', 'a'])
  })
})

describe('a twin by key', () => {
  test('is recorded as a duplicate of the first, until the window has passed since that', async () => {
    const run = runDedupe()
    await run.ask(asked('a', 'key'))
    await run.advance(windowMs - 1)
    await run.restart()
    await run.ask(asked('b', 'key'))
    await run.advance(1)
    await run.ask(asked('c', 'key'), asked('d', 'key'))
    expect(run.accepted()).toEqual(['a', 'c'])
    expect(run.statuses().map((status) => [status.notificationId, status.status, status.duplicateOf])).toEqual([
      ['b', 'duplicate', 'a'],
      ['d', 'duplicate', 'c'],
    ])
    expect(run.statuses()[0]?.trail.map(({ stage, event, reason, detail }) => [stage, event, reason, detail])).toEqual([
      ['ingress', 'accepted', null, null],
      ['dedupe', 'dropped', 'duplicate', 'a'],
    ])
    expect(run.drops()).toEqual({ duplicate: 2 })
  })

  test('is one in another lane too, by key and by id', async () => {
    const run = runDedupe()
    await run.ask(asked('a', 'key', { priority: 'low' }))
    await run.ask(asked('b', 'key', { priority: 'high' }), asked('a', null, { priority: 'high' }))
    expect([run.accepted(), run.drops()]).toEqual([['a'], { duplicate: 1, 'same-id': 1 }])
  })

  test.each([
    ['another key', {}, 'other'],
    ['another recipient', { recipient: 'somebody' }, 'key'],
    ['another tenant', { tenant: 'other' }, 'key'],
    ['no key', {}, null],
  ] as const)('with %s is none', async (_, changes, key) => {
    const run = runDedupe()
    await run.ask(asked('a', 'key'), asked('b', key, changes))
    expect(run.accepted()).toEqual(['a', 'b'])
  })

  test('is none where only the slash between recipient and key moved', async () => {
    const run = runDedupe()
    await run.ask(asked('a', 'b/c', { recipient: 'a' }), asked('b', 'c', { recipient: 'a/b' }))
    expect(run.accepted()).toEqual(['a', 'b'])
  })
})

describe('a claim whose owner has ended', () => {
  const ends = (known: Readonly<Record<string, NotificationState>>) => {
    const asked: (readonly string[])[] = []
    const outcomes: Outcomes = {
      endsOf: async (_, ids) => {
        asked.push([...ids])
        return new Map(ids.flatMap((id) => (known[id] ? [[id, known[id]]] : [])))
      },
    }
    return { outcomes, asked }
  }

  test.each(['failed', 'expired', 'cancelled', 'suppressed'] as const)(
    'as %s passes on to the newcomer',
    async (end) => {
      const run = runDedupe({ outcomes: ends({ a: end }).outcomes })
      await run.ask(asked('a', 'key'))
      await run.ask(asked('b', 'key'), asked('c', 'key'))
      expect([run.accepted(), run.statuses().map(({ duplicateOf }) => duplicateOf)]).toEqual([['a', 'b'], ['b']])
      await run.advance(windowMs - 1)
      await run.ask(asked('d', 'key'))
      expect(run.statuses().at(-1)?.duplicateOf).toBe('b')
    },
  )

  test.each(['delivered', 'sent'] as const)('as %s stands', async (end) => {
    const run = runDedupe({ outcomes: ends({ a: end }).outcomes })
    await run.ask(asked('a', 'key'), asked('b', 'key'))
    expect([run.accepted(), run.drops()]).toEqual([['a'], { duplicate: 1 }])
  })

  test('stands while nobody can be asked how', async () => {
    const run = runDedupe({ outcomes: { endsOf: () => Promise.reject(new Error('away')) } })
    await run.ask(asked('a', 'key'))
    await run.ask(asked('b', 'key'))
    expect([run.accepted(), run.drops(), run.restarts()]).toEqual([['a'], { duplicate: 1 }, 0])
  })

  test('is asked for when a duplicate is found, and once for a batch', async () => {
    const { outcomes, asked: questions } = ends({})
    const run = runDedupe({ outcomes })
    await run.ask(asked('a', 'one'), asked('b', 'two'), asked('c', null))
    expect(questions).toEqual([])
    await run.ask(asked('d', 'one'), asked('e', 'two'), asked('f', 'one'))
    expect(questions).toEqual([['a', 'b']])
  })
})

test('a claim that has run out counts no more, also where the state has not forgotten it yet', async () => {
  const held = new Map<string, Uint8Array>()
  const state = {
    get: (key: string) => held.get(key),
    put: (key: string, value: Uint8Array) => void held.set(key, value),
    delete: (key: string) => void held.delete(key),
    range: () => [],
  }
  const clock = new VirtualTimeScheduler()
  const scope = { lane: 'normal', partition: 0 } as const
  const context = { ...quietContext, clock, state: () => state, scopes: () => [scope] }
  const input = new Subject<Batch<'notification-requested' | 'cancel-requested'>>()
  const passed: number[] = []
  dedupe(undecided, { idWindowMs: 1000, announce: false })
    .operator(context)(input)
    .subscribe(({ outputs }) => passed.push(outputs.length))
  const event = {
    event: 'notification-requested',
    value: asked('a', null),
    scope,
    timestampMs: 0,
    headers: {},
    firstDelivery: true,
  } as const
  for (const [index, frame] of [0, 999, 1000].entries()) {
    clock.frame = frame
    input.next({ records: [{ ...event, recordId: `r-${index}` }] })
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(passed).toEqual([1, 0, 1])
})

test.each(['write', 'answer'] as const)('a commit that fails (its %s) makes nothing its own duplicate', async (how) => {
  const run = runDedupe()
  run.log.failNextCommit(how)
  const ids = Array.from({ length: 30 }, (_, index) => `n-${index}`)
  await run.ask(...ids.map((id) => asked(id, `key of ${id}`)))
  await run.advance(5000)
  expect([run.accepted(), run.statuses(), run.restarts()]).toEqual([ids, [], 1])
})

test('a cancel follows its notification in its lane', async () => {
  const run = runDedupe()
  const command = { id: 'a', tenant: 'default', recipient: 'user', correlationId: '', requestedAtMs: 0 }
  await run.ask(asked('a', null, { priority: 'low' }))
  await run.append(cancel(command, 'notifications.requested', 'low'))
  const events: string[] = []
  for (const topic of topicsOf('notifications.accepted')) {
    run.log.tail(topic).subscribe((record) => {
      const { event } = run.codec.decode(record, ['notification-accepted', 'cancel-requested'])
      events.push(`${topic.lane} ${event}`)
    })
  }
  expect(events).toEqual(['low notification-accepted', 'low cancel-requested'])
})

test('where nobody has recorded it yet, it tells that the notification was accepted', async () => {
  const run = runDedupe({ announce: true })
  const request = asked('a', 'key')
  await run.ask(request, asked('b', 'key'))
  const told = run.statuses().map((status) => [status.notificationId, status.status, status.summary?.recipient])
  expect(told).toEqual([
    ['a', 'accepted', 'user'],
    ['b', 'duplicate', 'user'],
  ])
})
