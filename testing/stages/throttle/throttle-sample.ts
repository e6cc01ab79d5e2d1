/** Throttle on the memory log, with a stand-in for deliver that finishes when the test says so. */
import { ReplaySubject, type Subject } from 'rxjs'
import { describe } from 'vitest'
import type { LogRecord, Member } from '../../../pipeline/engine/log.js'
import { seededRandom } from '../../../pipeline/engine/seeded-random.js'
import type { Worker } from '../../../pipeline/engine/worker.js'
import type { CancelRequested, Delivery, ProviderHealth } from '../../../schemas/events.js'
import { cancel, type Outgoing } from '../../../schemas/outgoing.js'
import { type Channel, type Topic, topicsOf } from '../../../schemas/streams.js'
import type { LimitsOf, RateLimit } from '../../../stages/shared-limits.js'
import type { Scope } from '../../../stages/stage.js'
import type { ThrottleObserver } from '../../../stages/throttle/observer.js'
import type { ThrottleOptions } from '../../../stages/throttle/ports.js'
import { throttle } from '../../../stages/throttle/throttle.js'
import type { Wishes } from '../../../stages/throttle/wishes.js'
import { sampleRequest } from '../deliver/delivery-sample.js'
import { type RunnerOptions, type StageRunner, settling, stageRunner, startMs } from '../stage-runner-sample.js'

export const throttleDefaults: ThrottleOptions = {
  window: 1000,
  limitsOf: () => [],
  paceOf: () => null,
  probeEveryMs: 30_000,
  patienceMs: 100,
  cancelMemoryMs: 3_600_000,
}

export const throttleUnobserved: ThrottleObserver = { released: () => undefined, parked: () => undefined }

export interface ThrottleRun extends StageRunner {
  /** What the breakers did; told anew to a throttle that starts anew. */
  readonly health: Subject<ProviderHealth>
  worker(): Worker
  /** Another worker of the same group: the partitions are shared from now on. */
  another(): Worker
  /** Ends it as a kill would, and starts it again. */
  kill(): Promise<void>
  /** Stops it in order, and starts it again. */
  restart(): Promise<void>
  /** Deliver is done with the next `count` of what was released. */
  finish(count: number): Promise<readonly Delivery[]>
  /** Released and not finished, over all ways. */
  outstanding(): number
  /** Delivery ids, in the order in which they were released, and when. */
  released(): readonly { readonly id: string; readonly afterMs: number }[]
  /** What was told of each delivery, in order: its id, its status and whether it ended there. */
  statuses(): readonly { readonly id: string; readonly status: string; readonly final: boolean }[]
  /** Every key that the state holds, but for those that remember cancels. */
  parked(): readonly string[]
}

export function runThrottle(
  options: Partial<ThrottleOptions> = {},
  more: RunnerOptions = {},
  observer: ThrottleObserver = throttleUnobserved,
  part: (delivery: Delivery) => string | null = ({ channel, address }) =>
    channel === 'webhook' ? new URL(address).host : null,
  wishes?: Wishes,
): ThrottleRun {
  const runner = stageRunner(more)
  const { log, clock } = runner
  const health = new ReplaySubject<ProviderHealth>()
  const place = (channel: Channel, { lane, partition }: Scope) => {
    const topic: Topic = { stream: 'deliveries.released', lane, channel }
    return { topic, partition }
  }
  const stage = throttle(
    {
      credit: {
        outstanding: (channel, scope) => log.unacked('deliver', place(channel, scope)),
        finished: (channel, scope) => log.acked('deliver', place(channel, scope)),
      },
      creditChanged: log.acks('deliver'),
      health,
      part,
      observer,
      wishes: wishes ?? null,
    },
    { ...throttleDefaults, ...options },
  )
  let worker = runner.start(stage)
  let deliver: Member | null = null

  const finish = async (count: number): Promise<readonly Delivery[]> => {
    deliver ??= await log.join({ group: 'deliver', topics: topicsOf('deliveries.released') })
    const records: LogRecord[] = []
    while (records.length < count) {
      const polled = await runner.during(deliver.poll(count - records.length, 0))
      if (polled.length === 0) break
      const positions = settling(polled)
      const committed = await deliver.commit({ outputs: [], changes: [], positions, durable: true }).then(
        () => true,
        () => false,
      )
      if (!committed) {
        // As a worker does: what was not committed is read again by the next member.
        await deliver.leave()
        deliver = null
        break
      }
      records.push(...polled)
    }
    await clock.advance(0)
    return records.map((record) => runner.codec.decode(record, ['delivery-released']).value.delivery)
  }

  return {
    ...runner,
    health,
    worker: () => worker,
    another: () => runner.start(stage),
    async kill() {
      runner.crashMemberOf('throttle')
      await runner.stop(worker, 0)
      worker = runner.start(stage)
      await clock.advance(0)
    },
    async restart() {
      await runner.stop(worker)
      worker = runner.start(stage)
      await clock.advance(0)
    },
    finish,
    outstanding: () =>
      topicsOf('deliveries.released').reduce(
        (sum, topic) =>
          sum +
          Array.from({ length: log.partitions }).reduce<number>(
            (own, _, partition) => own + log.unacked('deliver', { topic, partition }),
            0,
          ),
        0,
      ),
    released: () =>
      runner
        .told('deliveries.released', 'delivery-released')
        .map(({ value, afterMs }) => ({ id: value.delivery.id, afterMs }))
        .sort((a, b) => a.afterMs - b.afterMs),
    statuses: () =>
      runner
        .told('notifications.status', 'notification-status')
        .flatMap(({ value }) => value.deliveries.map(({ id, status, final }) => ({ id, status, final }))),
    parked: () => {
      const held = new Set<string>()
      for (const { changes } of runner.commits) {
        for (const { key, value } of changes) {
          if (value === null) held.delete(key)
          else held.add(key)
        }
      }
      return [...held].filter((key) => !key.startsWith('c/')).sort()
    },
  }
}

/** Now and then a millisecond between two reads of the clock. */
export function passingMs(seed: number): () => number {
  const random = seededRandom(seed)
  return () => (random() < 0.2 ? 1 : 0)
}

/** Runs tests that ask for no exact moment twice: in time that moves only when it is told to, and in time that also
 *  passes between any two reads of the clock, as real time does. */
export function inBothTimes(tests: (run: typeof runThrottle) => void): void {
  describe('in time that stands still between two reads', () => tests(runThrottle))
  describe('in time that passes between two reads', () =>
    tests((options, more, observer) => runThrottle(options, { passedMs: passingMs(1), ...more }, observer)))
}

/** A delivery by e-mail with id `<name>`, of a notification called `n-<name>`. */
export function deliveryOf(name: string, changes: Partial<Delivery> = {}): Delivery {
  const { delivery } = sampleRequest({ id: name, notificationId: `n-${name}`, ...changes })
  return delivery
}

/** The command to cancel the notification of `deliveryOf(name)`. */
export function cancelOf(name: string): Outgoing<'cancel-requested'> {
  const command: CancelRequested = {
    id: `n-${name}`,
    tenant: 'default',
    recipient: 'user-42',
    correlationId: '',
    requestedAtMs: startMs,
  }
  return cancel(command, 'deliveries.routed', 'normal')
}

/** The limit of this rate, where there is one. */
export function limitTo(name: string, ratePerSecond: number | null): readonly RateLimit[] {
  return ratePerSecond === null ? [] : [{ name, ratePerSecond }]
}

/** The same rate for every provider and channel, each on its own. */
export function everyOne(ratePerSecond: number): LimitsOf {
  return (provider, channel) => limitTo(`${provider} ${channel}`, ratePerSecond)
}

/** A moment of the run, in milliseconds since the epoch. */
export function at(afterMs: number): number {
  return startMs + afterMs
}
