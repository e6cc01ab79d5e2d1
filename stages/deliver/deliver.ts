/** Calls the providers, each at its own pace, and decides what their answers mean.
 *
 *  Invariants: a call's outcome commits with what is told of it, so a record read again is called again only where
 *  that commit never was; a slow provider holds up nobody else's line; retries and deferrals go back through throttle. */
import { Observable, type OperatorFunction } from 'rxjs'
import type { Delivery } from '../../schemas/events.js'
import { type Outgoing, providerHealth, routed, status } from '../../schemas/outgoing.js'
import { type LimitsOf, type PaceClass, sharedLimits } from '../shared-limits.js'
import type { Batch, DeadRecord, InputRecord, Scope, Stage, StageContext, Step } from '../stage.js'
import { type Reception, receptionOf } from './allowance.js'
import { type BreakerOptions, breakerKey, breakers } from './breakers.js'
import { type Following, unfollowed } from './following.js'
import { type Ledger, ledger } from './ledger.js'
import { type Line, type LineOptions, line } from './line.js'
import type { DeliverObserver } from './observer.js'
import { type OpenCalls, openCalls } from './open-calls.js'
import type { Provider, ProviderPolicy } from './providers/provider.js'
import { type Note, noted, noteOf, report } from './reports.js'
import { faultOf, send } from './send.js'
import { type Call, judge, type RetryOptions } from './verdict.js'

export interface DeliverOptions {
  readonly retry: RetryOptions
  readonly breaker: BreakerOptions
  readonly limitsOf: LimitsOf
  readonly paceOf: (delivery: Delivery) => PaceClass
  /** How long outcomes are kept, in milliseconds: as long as the input can be read again. */
  readonly ledgerMemoryMs: number
}

/** A provider and how it is used. */
export interface ProviderBinding {
  readonly provider: Provider
  readonly policy: ProviderPolicy
}

export interface DeliverPorts {
  /** By provider name. */
  readonly bindings: ReadonlyMap<string, ProviderBinding>
  /** Told of every call, for metrics. Must not throw. */
  readonly called: (delivery: Delivery, call: Call) => void
  readonly observer: DeliverObserver
  /** Follows calls, for traces. */
  readonly follow?: Following
}

type In = 'delivery-released'
type Out = 'delivery-routed' | 'notification-status' | 'provider-health'
type Input = InputRecord<In>

export function deliver(ports: DeliverPorts, options: DeliverOptions): Stage<In, Out> {
  const open = openCalls()
  const operator =
    (context: StageContext): OperatorFunction<Batch<In>, Step<In, Out>> =>
    (batches) =>
      new Observable((subscriber) => {
        const run = deliverRun(context, ports, options, open, (step) => {
          subscriber.next(step)
          if (draining && run.inHand() === 0) subscriber.complete()
        })
        let draining = false
        const ended = ports.observer.began(run.loads)
        const subscription = batches.subscribe({
          next({ records }) {
            try {
              for (const record of records) run.take(record)
            } catch (error) {
              subscriber.error(error)
            }
          },
          error: (error: unknown) => subscriber.error(error),
          complete() {
            draining = true
            run.drain()
            if (run.inHand() === 0) subscriber.complete()
          },
        })
        subscription.add(context.revoked.subscribe(run.release))
        return () => {
          subscription.unsubscribe()
          ended()
          run.stop()
        }
      })
  return { name: 'deliver', input: 'deliveries.released', operator, durable: true }
}

/** How long a call that an open breaker refuses holds its place. So what was out goes back little by little, and all of
 *  it together does not stand before the others of its lane. */
const deferPauseMs = 10

/** Of a provider that was not called yet. */
const idle = { calling: 0, waiting: 0 } as const

/** One life of the stage: the lines, the breakers, and what is in hand. */
function deliverRun(
  context: StageContext,
  { bindings, called, observer, follow = unfollowed }: DeliverPorts,
  options: DeliverOptions,
  open: OpenCalls,
  emitStep: (step: Step<In, Out>) => void,
) {
  const { clock, random } = context
  const ledgers = new WeakMap<Scope, Ledger>()
  const lines = new Map<string, Line<Input>>()
  const limits = sharedLimits(options.limitsOf, context.share)
  const circuit = breakers(
    options.breaker,
    () => clock.now(),
    (health) => step([], [providerHealth(health)]),
  )
  /** Records taken and not settled, other than those still waiting in a line. */
  let calling = 0
  let stopped = false

  return {
    take(record: Input) {
      const { delivery } = record.value
      const binding = bindings.get(delivery.provider)
      if (!binding) return fail(record, delivery, 'unknown-provider', `No provider is called ${delivery.provider} now`)
      const known = record.firstDelivery ? 'nothing' : ledgerOf(record.scope).know(delivery)
      if (known === 'done') return step([record], [])
      const made = record.firstDelivery ? undefined : open.find(delivery)
      if (made) {
        calling++
        return void answered(record, binding, made)
      }
      if (known === 'nothing') return join(record, binding)
      fail(record, delivery, 'unknown-outcome', 'It was called, and the answer was lost; see to it by hand')
    },
    inHand: () => calling,
    loads: () =>
      [...bindings.keys()].map((provider) => {
        const { calling, waiting } = lines.get(provider)?.load() ?? idle
        return { provider, calling, waiting, breakers: circuit.count(provider) }
      }),
    /** What is not called yet of these scopes is left to their next owner. */
    release(scopes: readonly Scope[]) {
      const isIn = ({ scope }: Input) => scopes.includes(scope)
      context.release([...lines.values()].flatMap((each) => each.remove(isIn)))
    },
    /** Begins no more calls; what waits in line is read again by the next life. */
    drain() {
      for (const each of lines.values()) each.stop()
    },
    stop() {
      stopped = true
      for (const each of lines.values()) each.stop()
    },
  }

  function join(record: Input, binding: ProviderBinding): void {
    const { delivery } = record.value
    const { channel } = delivery
    const destination = { channel, part: binding.provider.destination(delivery), pace: options.paceOf(delivery) }
    lineOf(binding).add(record.scope.lane, destination, record)
  }

  function lineOf(binding: ProviderBinding): Line<Input> {
    const { provider, policy } = binding
    let found = lines.get(provider.name)
    if (!found) {
      const { name, parts = null } = provider
      const { concurrency } = policy
      const paceOf: LineOptions['paceOf'] = (channel, pace, nowMs) => limits.pace(name, channel, pace, nowMs)
      const cautious = options.breaker.failures
      found = line({ concurrency, parts, cautious, paceOf }, clock, (record) => carry(record, binding))
      lines.set(provider.name, found)
    }
    return found
  }

  async function carry(record: Input, binding: ProviderBinding): Promise<Reception> {
    const { delivery } = record.value
    if (delivery.expiresAtMs !== null && delivery.expiresAtMs <= clock.now()) {
      end(record, delivery, 'expired', { event: 'expired', reason: null, detail: null }, [])
      return 'not-called'
    }
    calling++
    if (binding.policy.onUnknown === 'park') await intend(record, delivery)
    if (stopped) return 'not-called'
    const made = call(record, binding)
    open.add(delivery, made)
    return answered(record, binding, made)
  }

  /** Null where the breaker is open. */
  async function call(record: Input, binding: ProviderBinding): Promise<Call | null> {
    const { delivery } = record.value
    const { provider } = binding
    const startedMs = clock.now()
    const result = await circuit.call(breakerKey(delivery, provider), provider.name, () =>
      send(record, binding, clock, follow),
    )
    if (result === null) await new Promise<void>((resolve) => clock.schedule(() => resolve(), deferPauseMs))
    return result && { result, startedMs, latencyMs: clock.now() - startedMs }
  }

  /** Waits for a call, made now or by an earlier life of the stage, and tells what came of it. */
  async function answered(record: Input, { provider }: ProviderBinding, made: Promise<Call | null>): Promise<Reception> {
    const { delivery } = record.value
    const settled = await made.then(
      (call) => ({ call }),
      (error: unknown) => ({ error }),
    )
    calling--
    if (stopped) return 'not-called'
    if ('error' in settled) {
      fail(record, delivery, 'provider-fault', faultOf(settled.error))
      return 'ill'
    }
    if (settled.call) {
      conclude(record, delivery, settled.call)
      return receptionOf(settled.call.result)
    }
    defer(record, delivery, circuit.retryAtMs(breakerKey(delivery, provider)) ?? clock.now())
    return 'not-called'
  }

  /** Resolves when the intent is committed. */
  function intend(record: Input, delivery: Delivery): Promise<void> {
    ledgerOf(record.scope).intend(delivery, clock.now())
    return new Promise((resolve) => {
      emitStep({
        settled: [],
        outputs: [],
        changes: context.takeChanges(),
        drops: [],
        deadLetters: [],
        committed: resolve,
      })
    })
  }

  function conclude(record: Input, delivery: Delivery, call: Call): void {
    called(delivery, call)
    const committed = () => open.forget(delivery)
    const nowMs = clock.now()
    const followed = { ...delivery, traceparent: follow.after(record) }
    const verdict = judge(followed, call, nowMs, options.retry, random)
    ledgerOf(record.scope).done(delivery, nowMs)
    const told = noted(verdict.delivery, nowMs, noteOf(verdict, call.result))
    if (verdict.kind === 'again') {
      observer.putBack(delivery, verdict.reason === 'retry' ? 'transient' : 'rate-limited')
      step([record], [routed(told), status(report(told, 'scheduled', false, nowMs))], [], committed)
      return
    }
    const detail = 'error' in call.result ? call.result.error : ''
    const dead = verdict.deadLetter === null ? [] : [{ record, cause: verdict.deadLetter, detail }]
    step([record], [status(report(told, verdict.state, true, nowMs))], dead, committed)
  }

  /** The breaker is open: back through throttle, which holds it until a probe came through. No attempt is spent. */
  function defer(record: Input, delivery: Delivery, retryAtMs: number): void {
    const nowMs = clock.now()
    ledgerOf(record.scope).done(delivery, nowMs)
    observer.putBack(delivery, 'breaker-open')
    const jitterMs = Math.floor(random() * Math.max(1000, (retryAtMs - nowMs) / 4))
    const notBeforeMs = Math.max(nowMs, retryAtMs) + jitterMs
    const later = { ...delivery, deferrals: delivery.deferrals + 1, notBeforeMs }
    step([record], [routed(noted(later, nowMs, { event: 'deferred', reason: 'breaker-open', detail: null }))])
  }

  function fail(record: Input, delivery: Delivery, cause: string, detail: string): void {
    end(record, delivery, 'failed', { event: 'failed', reason: cause, detail }, [{ record, cause, detail }])
  }

  function end(
    record: Input,
    delivery: Delivery,
    state: 'expired' | 'failed',
    note: Note,
    dead: DeadRecord<In>[],
  ): void {
    const nowMs = clock.now()
    ledgerOf(record.scope).done(delivery, nowMs)
    step([record], [status(report(noted(delivery, nowMs, note), state, true, nowMs))], dead)
  }

  function step(
    settled: readonly Input[],
    outputs: readonly Outgoing<Out>[],
    deadLetters: readonly DeadRecord<In>[] = [],
    committed: () => void = () => undefined,
  ) {
    emitStep({ settled, outputs, changes: context.takeChanges(), drops: [], deadLetters, committed })
  }

  function ledgerOf(scope: Scope): Ledger {
    let found = ledgers.get(scope)
    if (!found) {
      found = ledger(context.state(scope), options.ledgerMemoryMs)
      ledgers.set(scope, found)
    }
    return found
  }
}
