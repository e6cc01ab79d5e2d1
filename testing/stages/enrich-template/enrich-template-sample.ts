/** Requests, batches and a run of a stage, for the tests of enrich-template and route. */
import { firstValueFrom, of, VirtualTimeScheduler } from 'rxjs'
import type { EventName, EventOf } from '../../../schemas/avro.js'
import type { NotificationRequested } from '../../../schemas/events.js'
import type { InputRecord, KeyedState, Scope, Stage, StageContext, Step } from '../../../stages/stage.js'
import { quietContext } from '../context-sample.js'

/** When every record of a run is seen. */
export const nowMs = 1_700_000_000_000

/** A request to user-42, with what the test changes. */
export function sampleRequest(changes: Partial<NotificationRequested> = {}): NotificationRequested {
  return {
    id: 'n-1',
    tenant: 'default',
    nonce: '',
    recipient: 'user-42',
    to: { id: 'user-42', email: null, phone: null, device: null, webhook: null, slack: null },
    channels: null,
    template: null,
    content: null,
    data: '{}',
    priority: 'normal',
    sendAtMs: null,
    expiresAtMs: null,
    retry: null,
    dedupe: null,
    metadata: '{"order":7}',
    batchId: null,
    correlationId: 'c-1',
    traceparent: null,
    origin: 'native',
    acceptedAtMs: nowMs - 5,
    replays: 0,
    ...changes,
  }
}

/** Runs one batch of events through a stage without state. Records are called r-0, r-1, … */
export function runBatch<I extends EventName, O extends EventName>(
  stage: Stage<I, O>,
  events: readonly EventOf<I>[],
): Promise<Step<I, O>> {
  const scope: Scope = { lane: 'normal', partition: 0 }
  const records = events.map((event, index): InputRecord<I> => {
    return { ...event, recordId: `r-${index}`, scope, timestampMs: nowMs, headers: {}, firstDelivery: true }
  })
  return firstValueFrom(of({ records }).pipe(stage.operator(contextAt(scope))))
}

function contextAt(scope: Scope): StageContext {
  const clock = new VirtualTimeScheduler()
  clock.frame = nowMs
  return { ...quietContext, clock, state: () => noState, scopes: () => [scope] }
}

const noState: KeyedState = {
  get: () => undefined,
  range: () => [],
  put: refuse,
  delete: refuse,
}

function refuse(): never {
  throw new Error('This stage keeps no state.')
}
