/** Puts each record into the queue of its provider, and emits it when it is its turn. What needs no turn passes.
 *
 *  Bounded by the stage's mailbox, from which everything in the queues comes. */
import {
  defer,
  finalize,
  ignoreElements,
  merge,
  mergeMap,
  type Observable,
  type OperatorFunction,
  Subject,
  takeUntil,
  tap,
} from 'rxjs'
import type { Delivery } from '../../schemas/events.js'
import { type LimitsOf, type PaceClass, sharedLimits } from '../shared-limits.js'
import type { StageContext } from '../stage.js'
import { ProviderQueue } from './provider-queue.js'
import { hostOf, type ProviderBinding } from './providers/provider.js'
import type { CallInFlight, ReleasedRecord, Result, Screened, Turn } from './work.js'

export interface QueueByProviderOptions {
  readonly limitsOf: LimitsOf
  readonly paceOf: (delivery: Delivery) => PaceClass
  /** Calls that a part of a provider may have under way however badly it answers. */
  readonly cautious: number
}

/** Before each provider that this life of the stage has met, by name. */
export type ProviderQueues = Map<string, ProviderQueue<ReleasedRecord>>

/** `queues`: where the operator keeps them, for whoever counts what waits. When the input ends, no more calls begin: what
 *  waits is read again by the next life. */
export function queueByProvider(
  context: Pick<StageContext, 'clock' | 'share' | 'revoked' | 'release'>,
  bindings: ReadonlyMap<string, ProviderBinding>,
  queues: ProviderQueues,
  options: QueueByProviderOptions,
): OperatorFunction<Screened, Turn | CallInFlight | Result> {
  return (screened) =>
    defer(() => {
      const turns = new Subject<Turn>()
      const ended = new Subject<void>()
      const join = joiner(context, bindings, queues, options, turns)
      const others = screened.pipe(
        mergeMap(({ toCall, others }) => {
          for (const record of toCall) join(record)
          return others
        }),
        finalize(() => {
          for (const queue of queues.values()) queue.stop()
          turns.complete()
          ended.next()
        }),
      )
      return merge(turns, released(context, queues).pipe(takeUntil(ended)), others)
    })
}

/** Puts a record into its queue, which tells of its turn. */
function joiner(
  { clock, share }: Pick<StageContext, 'clock' | 'share'>,
  bindings: ReadonlyMap<string, ProviderBinding>,
  queues: ProviderQueues,
  { limitsOf, paceOf, cautious }: QueueByProviderOptions,
  turns: Subject<Turn>,
): (record: ReleasedRecord) => void {
  const limits = sharedLimits(limitsOf, share)

  const begin = (binding: ProviderBinding): ProviderQueue<ReleasedRecord> => {
    const { name, parts = null } = binding.provider
    const { concurrency } = binding.policy
    return new ProviderQueue(
      { concurrency, parts, cautious, paceOf: (channel, pace, nowMs) => limits.pace(name, channel, pace, nowMs) },
      clock,
      (record) => new Promise((ended) => turns.next({ kind: 'turn', record, binding, ended })),
    )
  }

  return (record) => {
    const { delivery } = record.value
    const binding = bindings.get(delivery.provider)
    if (!binding) throw new Error(`No provider is called ${delivery.provider}: the record should not have come here`)
    let queue = queues.get(delivery.provider)
    if (!queue) {
      queue = begin(binding)
      queues.set(delivery.provider, queue)
    }
    // As many calls go to a host as it can take, however many URLs stand there.
    const part = hostOf(binding.provider.destination(delivery))
    queue.add(record.scope.lane, { channel: delivery.channel, part, pace: paceOf(delivery) }, record)
  }
}

/** What is not called yet of revoked scopes is released to their next owner. */
function released(
  { revoked, release }: Pick<StageContext, 'revoked' | 'release'>,
  queues: ProviderQueues,
): Observable<never> {
  return revoked.pipe(
    tap((scopes) => {
      const isIn = ({ scope }: ReleasedRecord) => scopes.includes(scope)
      release([...queues.values()].flatMap((queue) => queue.remove(isIn)))
    }),
    ignoreElements(),
  )
}
