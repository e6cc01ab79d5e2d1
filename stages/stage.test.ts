import { Subject, VirtualTimeScheduler } from 'rxjs'
import { expect, test } from 'vitest'
import type { CancelRequested, NotificationStatus } from '../schemas/events.js'
import { cancel, status } from '../schemas/outgoing.js'
import { quietContext } from '../testing/stages/context-sample.js'
import {
  type Batch,
  deadLetter,
  drop,
  eachBatch,
  eachRecord,
  emit,
  type InputRecord,
  type Outcome,
  type RecordContext,
  type Scope,
  type Stage,
  type StageContext,
  StageCrash,
  type StateChange,
  type Step,
} from './stage.js'

type In = 'cancel-requested'
type Out = 'notification-status' | 'cancel-requested'

const nowMs = 1_900_000_000_000

test('a batch becomes one step with everything its records led to, in their order', () => {
  const records = [record('emits'), record('drops'), record('dies'), record('emits more')]
  const [forwarded, told, buried] = [passedOn('emits'), statusOf('drops'), statusOf('dies')]
  const outcomes: Record<string, Outcome<Out>> = {
    emits: emit<Out>(forwarded),
    drops: drop<Out>('not-wanted', told),
    dies: deadLetter<Out>('not-possible', 'For a person', buried),
    'emits more': emit<Out>(passedOn('emits more'), statusOf('emits more')),
  }
  const run = running(
    eachRecord<In, Out>('route', 'deliveries.routed', ({ value }) => outcomes[value.id] ?? emit<Out>()),
  )
  run.feed(records)
  expect(run.steps).toEqual([
    {
      acked: records,
      outputs: [forwarded, told, buried, passedOn('emits more'), statusOf('emits more')],
      changes: [],
      drops: [{ record: records[1], reason: 'not-wanted' }],
      deadLetters: [{ record: records[2], cause: 'not-possible', detail: 'For a person' }],
    },
  ])
})

test('each batch is a step of its own, with the state changes that it made', () => {
  const run = running(
    eachRecord<In, Out>('dedupe', 'notifications.requested', ({ value }, { state }) => {
      state.put(value.id, Buffer.from('seen'), nowMs + 1000)
      return emit()
    }),
  )
  run.feed([record('a'), record('b', 'high', 3)])
  run.feed([record('c')])
  const keys = run.steps.map(({ changes }) => changes.map(({ scope, key }) => [scope.lane, scope.partition, key]))
  expect(keys).toEqual([
    [
      ['normal', 1, 'a'],
      ['high', 3, 'b'],
    ],
    [['normal', 1, 'c']],
  ])
})

test('a record’s function is told the record’s id, its lane, the time, and the state of its scope', () => {
  const told: RecordContext[] = []
  const run = running(
    eachRecord<In, Out>('dedupe', 'notifications.requested', (_, context) => {
      told.push(context)
      return emit()
    }),
  )
  run.feed([record('a', 'low', 2)])
  const [context] = told
  const { state, sharedState, ...plain } = context ?? {}
  expect(plain).toEqual({ recordId: 'a-0', nowMs, lane: 'low' })
  expect(state).toBe(run.context.state({ lane: 'low', partition: 2 }))
  expect(sharedState).toBe(run.context.state({ lane: 'normal', partition: 2 }))
})

test('what a record’s function throws ends the stage and names the record; nothing of the batch comes out', () => {
  const fault = new TypeError('broken')
  const run = running(
    eachRecord<In, Out>('dedupe', 'notifications.requested', ({ value }) => {
      if (value.id === 'bad') throw fault
      return emit()
    }),
  )
  run.feed([record('good')])
  run.feed([record('also good'), record('bad'), record('never tried')])
  expect(run.steps.map(({ acked }) => acked.length)).toEqual([1])
  const [error] = run.errors
  expect(error).toBeInstanceOf(StageCrash)
  expect(error).toMatchObject({ recordId: 'bad-0', code: 'stage-crash', cause: fault })
})

test('a batch is prepared once and decided with what was prepared', async () => {
  const prepared: string[][] = []
  const run = running(
    eachBatch<In, Out>('enrich-template', 'notifications.accepted', async ({ records }) => {
      prepared.push(records.map(({ value }) => value.id))
      const found = new Map(records.map(({ value }) => [value.id, value.id.toUpperCase()]))
      return ({ value }, { lane }) => emit(passedOn(`${found.get(value.id)} ${lane}`))
    }),
  )
  run.feed([record('a'), record('b', 'high')])
  await acked()
  expect(prepared).toEqual([['a', 'b']])
  expect(run.steps.map(({ outputs }) => outputs)).toEqual([[passedOn('A normal'), passedOn('B high')]])
})

test('batches keep their order and are prepared one after the other', async () => {
  const started: string[] = []
  const finish = new Map<string, () => void>()
  const run = running(
    eachBatch<In, Out>('enrich-template', 'notifications.accepted', async ({ records: [first] }) => {
      const id = first?.value.id ?? ''
      started.push(id)
      await new Promise<void>((resolve) => finish.set(id, resolve))
      return ({ value }) => emit(passedOn(value.id))
    }),
  )
  run.feed([record('first')])
  run.feed([record('second')])
  await acked()
  expect([started, run.steps]).toEqual([['first'], []])
  finish.get('first')?.()
  await acked()
  finish.get('second')?.()
  await acked()
  expect(run.steps.map(({ outputs }) => outputs)).toEqual([[passedOn('first')], [passedOn('second')]])
})

test('what preparing throws ends the stage as it is; what deciding throws names the record', async () => {
  const fault = new Error('the store is away')
  const failing = running(
    eachBatch<In, Out>('enrich-template', 'notifications.accepted', async () => {
      throw fault
    }),
  )
  failing.feed([record('a')])
  const deciding = running(
    eachBatch<In, Out>('enrich-template', 'notifications.accepted', async () => () => {
      throw fault
    }),
  )
  deciding.feed([record('b')])
  await acked()
  expect([failing.errors, failing.steps, deciding.steps]).toEqual([[fault], [], []])
  expect(deciding.errors).toMatchObject([{ recordId: 'b-0', code: 'stage-crash', cause: fault }])
})

test('a lifted function makes a stage of its name and input that need not be synced', () => {
  const lifted = [
    eachRecord<In, Out>('dedupe', 'notifications.requested', () => emit()),
    eachBatch<In, Out>('route', 'notifications.rendered', async () => () => emit()),
  ]
  expect(lifted.map(({ name, input, durable }) => [name, input, durable])).toEqual([
    ['dedupe', 'notifications.requested', false],
    ['route', 'notifications.rendered', false],
  ])
})

function running(stage: Stage<In, Out>) {
  const context = contextOf()
  const steps: Step<In, Out>[] = []
  const errors: unknown[] = []
  const batches = new Subject<Batch<In>>()
  batches.pipe(stage.operator(context)).subscribe({
    next: (step) => steps.push(step),
    error: (error: unknown) => errors.push(error),
  })
  return { context, steps, errors, feed: (records: InputRecord<In>[]) => batches.next({ records }) }
}

/** The engine's side of the contract, with nothing committed. */
function contextOf(): StageContext {
  const clock = new VirtualTimeScheduler()
  clock.frame = nowMs
  const states = new Map<string, ReturnType<StageContext['state']>>()
  let changes: StateChange[] = []
  const state = (scope: Scope) => {
    const name = `${scope.lane} ${scope.partition}`
    const put = (key: string, value: Uint8Array | null, expiresAtMs: number | null) => {
      changes.push({ scope, key, value, expiresAtMs })
    }
    const known = states.get(name) ?? {
      get: () => undefined,
      put,
      delete: (key: string) => put(key, null, null),
      range: () => [],
    }
    states.set(name, known)
    return known
  }
  const takeChanges = () => {
    const taken = changes
    changes = []
    return taken
  }
  return { ...quietContext, clock, state, takeChanges }
}

function record(id: string, lane: Scope['lane'] = 'normal', partition = 1): InputRecord<In> {
  return {
    event: 'cancel-requested',
    value: command(id),
    recordId: `${id}-0`,
    scope: { lane, partition },
    timestampMs: nowMs,
    headers: {},
    firstDelivery: true,
  }
}

function command(id: string): CancelRequested {
  return { id, tenant: 'default', recipient: 'user', correlationId: 'correlation', requestedAtMs: nowMs }
}

function passedOn(id: string) {
  return cancel(command(id), 'notifications.accepted', 'normal')
}

function statusOf(notificationId: string) {
  const value: NotificationStatus = {
    eventId: `${notificationId}-told`,
    notificationId,
    tenant: 'default',
    recipient: 'user',
    atMs: nowMs,
    status: 'failed',
    duplicateOf: null,
    summary: null,
    deliveries: [],
    trail: [],
    traceparent: null,
  }
  return status(value)
}

/** Every promise that waits for nothing but others is acked. */
async function acked(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve))
}
