/** Deliver on the memory log with scripted providers, and throttle before it where a test wants retries to come back. */

import { filter, map } from 'rxjs'
import { vi } from 'vitest'
import type { Worker } from '../../../pipeline/engine/worker.js'
import type { Delivery, ProviderHealth } from '../../../schemas/events.js'
import { released } from '../../../schemas/outgoing.js'
import type { Channel } from '../../../schemas/streams.js'
import { type DeliverOptions, deliver } from '../../../stages/deliver/deliver.js'
import type { DeliverObserver } from '../../../stages/deliver/observer.js'
import type {
  ProviderBinding,
  ProviderPolicy,
  SendRequest,
  SendResult,
} from '../../../stages/deliver/providers/provider.js'
import type { Scope } from '../../../stages/stage.js'
import { throttle } from '../../../stages/throttle/throttle.js'
import { type RunnerOptions, type StageRunner, stageRunner, startMs } from '../stage-runner-sample.js'
import { limitTo, throttleDefaults, throttleUnobserved } from '../throttle/throttle-sample.js'

/** One call that a provider got. */
export interface SeenCall {
  readonly provider: string
  readonly key: string
  readonly attempt: number
  readonly afterMs: number
}

/** What a provider says to a call; a promise may never settle. */
export type Answer = (request: SendRequest, signal: AbortSignal) => SendResult | Promise<SendResult>

export interface ScriptedProvider {
  readonly answer: Answer
  readonly policy?: Partial<ProviderPolicy>
  readonly destination?: (delivery: Delivery) => string | null
  readonly parts?: number
}

export interface DeliverRun extends StageRunner {
  readonly calls: readonly SeenCall[]
  worker(): Worker
  /** Ends deliver's process as a kill would, and starts another, with what happens in between. */
  kill(meanwhile?: () => Promise<void>): Promise<void>
  /** Stops it in order and starts another. */
  restart(withinMs?: number): Promise<void>
  /** Throttle lets deliveries go. */
  release(...deliveries: readonly Delivery[]): Promise<void>
  /** What was told of each delivery, in order. */
  statuses(): readonly { readonly id: string; readonly status: string; readonly final: boolean }[]
  /** What went back to throttle, in order. */
  back(): readonly Delivery[]
  health(): readonly ProviderHealth[]
  /** Cause and delivery of each dead letter. */
  deadLetters(): readonly { readonly cause: string; readonly notificationId: string | null; readonly detail: string }[]
}

export const sent: SendResult = { outcome: 'sent' }
export const down: SendResult = { outcome: 'transient', error: 'down' }

const usualPolicy: ProviderPolicy = { ratePerSecond: null, concurrency: 8, timeoutMs: 10_000, onUnknown: 'resend' }

export const deliverDefaults: DeliverOptions = {
  retryOf: () => ({ kind: 'waits', waitsMs: [1000, 5000, 30_000, 300_000], giveUpAfterMs: 86_400_000 }),
  bounds: { retryAfterMinMs: 1000, retryAfterMaxMs: 3_600_000 },
  breaker: { failures: 5, halfOpenAfterMs: 30_000, maxHalfOpenAfterMs: 300_000 },
  limitsOf: () => [],
  paceOf: () => null,
  ledgerMemoryMs: 7 * 24 * 3_600_000,
}

export interface DeliverRunOptions extends RunnerOptions {
  readonly withThrottle?: boolean
  /** How many share the group; one unless said. */
  readonly workers?: { readonly throttle: number; readonly deliver: number }
  readonly options?: Partial<DeliverOptions>
  readonly random?: () => number
  readonly observer?: DeliverObserver
}

export const deliverUnobserved: DeliverObserver = { putBack: () => undefined, began: () => () => undefined }

/** Providers by name. `Date.now` is the run's clock from now on, for the breaker asks it: restore mocks after. */
export function runDeliver(
  providers: Readonly<Record<string, ScriptedProvider>>,
  {
    withThrottle = false,
    workers = { throttle: 1, deliver: 1 },
    options = {},
    random,
    observer = deliverUnobserved,
    ...more
  }: DeliverRunOptions = {},
): DeliverRun {
  const runner = stageRunner(more)
  vi.spyOn(Date, 'now').mockImplementation(() => runner.clock.scheduler.now())
  const calls: SeenCall[] = []
  const bindings = new Map(
    Object.entries(providers).map(([name, scripted]) => [name, bindingOf(name, scripted, calls, runner)]),
  )
  // A process of its own each time: nothing but the log outlives it.
  const limitsOf = (name: string) => limitTo(name, bindings.get(name)?.policy.ratePerSecond ?? null)
  const begin = () =>
    runner.start(
      deliver({ bindings, called: () => undefined, observer }, { ...deliverDefaults, limitsOf, ...options }),
      {
        ...(random && { random }),
      },
    )
  let worker = begin()
  for (let other = 1; other < workers.deliver; other++) begin()
  for (let each = 0; withThrottle && each < workers.throttle; each++)
    runner.start(throttleBefore(runner, bindings, options))

  return {
    ...runner,
    calls,
    worker: () => worker,
    async kill(meanwhile = async () => undefined) {
      runner.crashMemberOf('deliver')
      await runner.stop(worker, 0)
      await meanwhile()
      worker = begin()
      await runner.advance(0)
    },
    async restart(withinMs = 60_000) {
      await runner.stop(worker, withinMs)
      worker = begin()
      await runner.advance(0)
    },
    release: (...deliveries) => runner.append(...deliveries.map((delivery) => released(delivery, startMs))),
    statuses: () =>
      runner
        .told('notifications.status', 'notification-status')
        .flatMap(({ value }) => value.deliveries.map(({ id, status, final }) => ({ id, status, final }))),
    back: () => runner.told('deliveries.routed', 'delivery-routed').map(({ value }) => value.delivery),
    health: () => runner.told('providers.health', 'provider-health').map(({ value }) => value),
    deadLetters: () =>
      runner
        .told('dead-letters', 'dead-letter')
        .map(({ value: { cause, notificationId, detail } }) => ({ cause, notificationId, detail })),
  }
}

function bindingOf(name: string, scripted: ScriptedProvider, calls: SeenCall[], runner: StageRunner): ProviderBinding {
  const { answer, policy = {}, destination = () => null, parts } = scripted
  return {
    provider: {
      name,
      destination,
      ...(parts !== undefined && { parts }),
      send(request, signal) {
        calls.push({ provider: name, key: request.key, attempt: request.attempt, afterMs: runner.afterMs() })
        return Promise.resolve(answer(request, signal))
      },
      close: async () => undefined,
    },
    policy: { ...usualPolicy, ...policy },
  }
}

function throttleBefore(
  { log, codec }: StageRunner,
  bindings: ReadonlyMap<string, ProviderBinding>,
  { limitsOf, paceOf }: Partial<DeliverOptions>,
) {
  const place = (channel: Channel, { lane, partition }: Scope) => {
    return { topic: { stream: 'deliveries.released', lane, channel } as const, partition }
  }
  const ports = {
    credit: {
      outstanding: (channel: Channel, scope: Scope) => log.unacked('deliver', place(channel, scope)),
      finished: (channel: Channel, scope: Scope) => log.acked('deliver', place(channel, scope)),
    },
    creditChanged: log.acks('deliver'),
    health: log.tail({ stream: 'providers.health', lane: null, channel: null }).pipe(
      filter(({ value }) => value !== null),
      map((record) => codec.decode(record, ['provider-health']).value),
    ),
    part: (delivery: Delivery) => bindings.get(delivery.provider)?.provider.destination(delivery) ?? null,
    observer: throttleUnobserved,
    wishes: null,
  }
  return throttle(ports, { ...throttleDefaults, ...(limitsOf && { limitsOf }), ...(paceOf && { paceOf }) })
}

/** A result for a test to give when it likes. */
export function pending(): { readonly promise: Promise<SendResult>; readonly resolve: (result: SendResult) => void } {
  let resolve: (result: SendResult) => void = () => undefined
  const promise = new Promise<SendResult>((ack) => {
    resolve = ack
  })
  return { promise, resolve }
}
