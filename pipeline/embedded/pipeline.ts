/** The six stages on one log, each with its worker. The composition that every engine shares will grow from here. */
import { asyncScheduler, type Observable } from 'rxjs'
import type { EventName } from '../../schemas/avro.js'
import type { Delivery, ProviderHealth } from '../../schemas/events.js'
import { type Channel, channels, type Way, waysOf, wayTo } from '../../schemas/topics.js'
import { dedupe } from '../../stages/dedupe.js'
import { type Carrier, deliver } from '../../stages/deliver.js'
import { type EnrichTemplatePorts, enrichTemplate } from '../../stages/enrich-template.js'
import { type RecordStore, record } from '../../stages/record.js'
import { route } from '../../stages/route.js'
import type { Scope, Stage, WorkerName } from '../../stages/stage.js'
import { throttle } from '../../stages/throttle.js'
import type { Config } from '../config/config.js'
import type { Codec } from '../engine/codec.js'
import type { Log } from '../engine/log.js'
import { runWorker, type Worker, type WorkerObserver } from '../engine/worker.js'
import { type Metrics, stageObserver } from '../metrics.js'

export interface PipelinePorts {
  readonly log: Log
  readonly codec: Codec
  readonly enrich: EnrichTemplatePorts
  readonly records: RecordStore
  readonly carriers: ReadonlyMap<string, Carrier>
  /** What breakers did. */
  readonly health: Observable<ProviderHealth>
  readonly metrics: Metrics
  /** Told of a crash, for the log. */
  readonly crashed: (stage: WorkerName, error: unknown, retryInMs: number) => void
}

export interface RunningStage {
  readonly name: WorkerName
  readonly ways: readonly Way[]
  readonly worker: Worker
}

const mebibyte = 1024 * 1024

interface Sizes {
  readonly mailbox: number
  readonly batch: number
  readonly lingerMs: number
  readonly mailboxBytes: number
}

/** Most records that a stage holds polled and unsettled, and most in a batch: small enough that a high-priority record
 *  does not wait long behind a batch of low ones, large enough that a batch's fixed costs do not show. */
const sizes: Sizes = { mailbox: 256, batch: 128, lingerMs: 0, mailboxBytes: 8 * mebibyte }
/** A merge costs by the notification, not by the event: a short wait joins the events of one. */
const recordSizes: Sizes = { mailbox: 512, batch: 512, lingerMs: 10, mailboxBytes: 8 * mebibyte }
const day = 24 * 60 * 60 * 1000
/** Ids are remembered for as long as an idempotency key holds. */
const idWindowMs = day
/** No delivery is retried for longer than this after its cancel. */
const cancelMemoryMs = 7 * day
/** How long a lane waits for credit before it lets others pass. */
const patienceMs = 250
const retryAfterMinMs = 1000
const retryAfterMaxMs = 60 * 60 * 1000

/** Starts every stage. They run until they are stopped, in the order of the flow. */
export function startPipeline(config: Config, ports: PipelinePorts): readonly RunningStage[] {
  const { log, codec, metrics, crashed } = ports
  const run = <I extends EventName, O extends EventName>(
    stage: Stage<I, O>,
    own: Partial<Sizes> = {},
  ): RunningStage => {
    const ways = waysOf(stage.input)
    const counted = stageObserver(metrics, stage.name)
    const observer: WorkerObserver = {
      ...counted,
      crashed(error, retryInMs) {
        counted.crashed?.(error, retryInMs)
        crashed(stage.name, error, retryInMs)
      },
    }
    const options = {
      stage,
      log,
      ways,
      codec,
      clock: asyncScheduler,
      random: Math.random,
      ...sizes,
      ...own,
      observer,
    }
    return { name: stage.name, ways, worker: runWorker(options) }
  }
  const waysIn = channels.length * log.partitions * 3
  return [
    run(dedupe({ idWindowMs, announce: false })),
    run(enrichTemplate(ports.enrich)),
    run(route(routeOptions(config))),
    run(throttleStage(config, ports)),
    // Everything that may be released fits, so that a channel that stands still cannot fill the mailbox of the others.
    run(deliverStage(config, ports), {
      mailbox: waysIn * config.deliver.window + sizes.batch,
      mailboxBytes: 64 * mebibyte,
    }),
    run(record(ports.records), recordSizes),
  ] as const
}

function routeOptions({ providers, providerOf, limits }: Config) {
  const provider = (channel: Channel) => {
    const name = providerOf[channel]
    return { name, takesAnyAddress: providers.find((one) => one.name === name)?.kind === 'outbox' }
  }
  const byChannel = Object.fromEntries(channels.map((channel) => [channel, provider(channel)]))
  return {
    providers: byChannel as Record<Channel, ReturnType<typeof provider>>,
    limits: { smsSegments: limits.smsSegments },
  }
}

function throttleStage(config: Config, { log, carriers, health }: PipelinePorts) {
  const { breaker } = config
  const { window } = config.deliver
  const into = (channel: Channel, { lane, partition }: Scope) => ({
    way: wayTo('deliveries.released', lane, channel),
    partition,
  })
  const credit = {
    outstanding: (channel: Channel, scope: Scope) => log.unsettled('deliver', into(channel, scope)),
    finished: (channel: Channel, scope: Scope) => log.settled('deliver', into(channel, scope)),
  }
  const ports = {
    credit,
    creditChanged: log.settlements('deliver'),
    health,
    part: (delivery: Delivery) => carriers.get(delivery.provider)?.provider.destination(delivery) ?? null,
  }
  const probeEveryMs = breaker.halfOpenAfterMs
  return throttle(ports, { window, ratePerSecond: rates(config), probeEveryMs, patienceMs, cancelMemoryMs })
}

/** The lower of a provider's own rate and its channel's limit. */
function rates({ providers, limits }: Config): (provider: string, channel: string) => number | null {
  const own = new Map(providers.map(({ name, policy }) => [name, policy.ratePerSecond]))
  return (provider, channel) => slower(own.get(provider) ?? null, limits.ratePerSecond[channel as Channel] ?? null)
}

function slower(one: number | null, other: number | null): number | null {
  if (one === null || other === null) return one ?? other
  return Math.min(one, other)
}

function deliverStage(config: Config, { carriers, metrics }: PipelinePorts) {
  const { retry, breaker, retention } = config
  const called: Parameters<typeof deliver>[0]['called'] = (delivery, { result, startedMs, latencyMs }) => {
    const { provider, channel, priority, acceptedAtMs } = delivery
    metrics.providerSeconds.observe({ provider, channel, outcome: result.outcome }, latencyMs / 1000)
    if (result.outcome !== 'sent' && result.outcome !== 'delivered') return
    metrics.acceptedToProviderSeconds.observe({ channel, priority }, (startedMs + latencyMs - acceptedAtMs) / 1000)
  }
  return deliver(
    { carriers, called },
    {
      retry: { ...retry, retryAfterMinMs, retryAfterMaxMs },
      breaker,
      ratePerSecond: rates(config),
      ledgerMemoryMs: retention.logHours * 60 * 60 * 1000,
    },
  )
}
