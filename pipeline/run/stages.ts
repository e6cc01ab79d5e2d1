/** The stages as every engine runs them: the options of each, and its worker's sizes. */
import { asyncScheduler, type Observable } from 'rxjs'
import type { EventName } from '../../schemas/avro.js'
import type { Delivery, ProviderHealth } from '../../schemas/events.js'
import { type Channel, channels, type Topic, topicOf, topicsOf } from '../../schemas/streams.js'
import type { SpanContext } from '../../schemas/trace-context.js'
import { dedupe, type Outcomes } from '../../stages/dedupe/dedupe.js'
import { deliver } from '../../stages/deliver/deliver.js'
import type { ProviderBinding } from '../../stages/deliver/providers/provider.js'
import {
  type Directory,
  type EnrichTemplatePorts,
  enrichTemplate,
} from '../../stages/enrich-template/enrich-template.js'
import { type RecordStore, type RecordWatchers, record } from '../../stages/record/record.js'
import { route } from '../../stages/route/route.js'
import type { Scope, Stage, StageName, WorkerName } from '../../stages/stage.js'
import { throttle } from '../../stages/throttle/throttle.js'
import type { Config } from '../config/config.js'
import type { Codec } from '../engine/codec.js'
import type { CountState, Log } from '../engine/log.js'
import { runWorker, type Worker } from '../engine/worker.js'
import type { WorkerObserver } from '../engine/worker-observer.js'
import {
  callObserver,
  deliverObserver,
  endObserver,
  tellPaces,
  throttleObserver,
} from '../observe/metrics/delivery-observers.js'
import type { Metrics } from '../observe/metrics/metrics.js'
import { stageObserver, workerGauges } from '../observe/metrics/stage-observer.js'
import type { Tracing } from '../observe/tracing/tracing.js'
import { channelLimits, paceClass, rateLimits } from './contract-rules.js'
import { countParked } from './flow-meter.js'
import { longestRetryMs, retryRules } from './retry-rules.js'
import { recipientWishes } from './wishes.js'

/** What stages are given. A process that runs some of them needs only what those ask for. */
export interface StagePorts {
  readonly log: Log
  readonly codec: Codec
  readonly metrics: Metrics
  /** Null where it is off. */
  readonly tracing: Tracing | null
  /** Told of a crash, for the log. `place`: where it stands in the traces. */
  readonly crashed: (stage: WorkerName, error: unknown, retryInMs: number, place: Partial<SpanContext>) => void
  /** Asked for by dedupe. */
  readonly outcomes: () => Outcomes
  /** Asked for by throttle. */
  readonly directory: () => Directory
  /** Asked for by enrich-template. */
  readonly enrich: () => EnrichTemplatePorts
  /** Asked for by record. */
  readonly records: () => RecordStore
  /** Whom record tells of changes; null: the log. */
  readonly watchers: RecordWatchers | null
  /** Asked for by throttle and deliver. */
  readonly bindings: () => ReadonlyMap<string, ProviderBinding>
  /** What breakers did. */
  readonly health: Observable<ProviderHealth>
  /** Of the log's state; throttle's is counted. */
  readonly countState: CountState
}

/** What every worker is given. */
export type WorkerPorts = Pick<StagePorts, 'log' | 'codec' | 'metrics' | 'tracing' | 'crashed'>

export interface StageChoices {
  /** True: dedupe tells of each accepted notification, for nobody else does. */
  readonly announce: boolean
  /** What deliver serves; all unless said. */
  readonly channels?: readonly Channel[]
  /** Bytes of unacked values that deliver holds, at most. */
  readonly deliverBytes?: number
  readonly sizes: StageSizes
}

export interface RunningStage {
  readonly name: WorkerName
  readonly topics: readonly Topic[]
  readonly worker: Worker
}

const mebibyte = 1024 * 1024

/** Most records that a worker holds polled and unacked, most in a batch, how long it waits for more, and most bytes. */
export interface Sizes {
  readonly mailbox: number
  readonly batch: number
  readonly lingerMs: number
  readonly mailboxBytes: number
  /** Between the beginnings of two commits that ack many records. */
  readonly commitEveryMs?: number
}

/** Of the stages, and of record, whose merge costs by the notification and not by the event: a short wait joins the
 *  events of one. */
export interface StageSizes {
  readonly stage: Sizes
  readonly record: Sizes
}

/** Small enough that a high-priority record does not wait long behind a batch of low ones, large enough that a batch's
 *  fixed costs do not show. */
export const embeddedSizes: StageSizes = {
  stage: { mailbox: 256, batch: 128, lingerMs: 0, mailboxBytes: 8 * mebibyte },
  record: { mailbox: 512, batch: 512, lingerMs: 10, mailboxBytes: 8 * mebibyte },
}

/** A transaction of Kafka costs the broker by the partitions that it touches, some thirty, and not by its records. Commits
 *  200 ms apart, while many records come, took in 2,460 requests a second where 100 ms gave 1,940. */
export const kafkaSizes: StageSizes = {
  stage: { mailbox: 1024, batch: 256, lingerMs: 0, mailboxBytes: 8 * mebibyte, commitEveryMs: 200 },
  record: { mailbox: 2048, batch: 1024, lingerMs: 10, mailboxBytes: 8 * mebibyte, commitEveryMs: 200 },
}
const day = 24 * 60 * 60 * 1000
/** Ids are remembered for as long as an idempotency key holds. */
const idWindowMs = day
/** A cancel is remembered for at least as long, and for longer where deliveries are retried for longer. */
const minCancelMemoryMs = 7 * day
/** How long a lane waits for credit before it lets others pass. */
const patienceMs = 250
const retryAfterMinMs = 1000
const retryAfterMaxMs = 60 * 60 * 1000

/** Starts the named stages, in their order. They run until they are stopped. */
export function startStages(
  names: readonly StageName[],
  config: Config,
  ports: StagePorts,
  choices: StageChoices,
): readonly RunningStage[] {
  return names.map((name) => startOne(name, config, ports, choices))
}

function startOne(name: StageName, config: Config, ports: StagePorts, choices: StageChoices): RunningStage {
  const { stage: sizes, record: recordSizes } = choices.sizes
  switch (name) {
    case 'dedupe':
      return runStage(dedupe(ports.outcomes(), { idWindowMs, announce: choices.announce }), ports, sizes)
    case 'enrich-template':
      return runStage(enrichTemplate(ports.enrich()), ports, sizes)
    case 'route':
      return runStage(route(routeOptions(config)), ports, sizes)
    case 'throttle':
      return runStage(throttleStage(config, ports), ports, sizes)
    case 'deliver': {
      const { channels: served = channels, deliverBytes = 64 * mebibyte } = choices
      const topics = topicsOf('deliveries.released').filter(
        ({ channel }) => channel !== null && served.includes(channel),
      )
      // Everything that may be released fits, so that a channel that stands still cannot fill the mailbox of the others.
      const mailbox = topics.length * ports.log.partitions * config.deliver.window + sizes.batch
      tellPaces(ports.metrics, config.providerOf, rateLimits(config), served)
      return runStage(deliverStage(config, ports), ports, { ...sizes, mailbox, mailboxBytes: deliverBytes }, topics)
    }
    case 'record':
      return runStage(record(ports.records(), ports.watchers, endObserver(ports.metrics)), ports, recordSizes)
  }
}

/** Runs a stage on its input's ways, or on some of them. */
export function runStage<I extends EventName, O extends EventName>(
  stage: Stage<I, O>,
  { log, codec, metrics, tracing, crashed }: WorkerPorts,
  own: Partial<Sizes>,
  topics: readonly Topic[] = topicsOf(stage.input),
): RunningStage {
  const observer = allOf([
    stageObserver(metrics, stage.name),
    ...(tracing ? [tracing.worker(stage.name, stage.input)] : []),
    { crashed: (error, retryInMs) => crashed(stage.name, error, retryInMs, tracing?.placeOf(error) ?? {}) },
  ])
  const clock = asyncScheduler
  const worker = runWorker({
    stage,
    log,
    topics,
    codec,
    clock,
    random: Math.random,
    ...embeddedSizes.stage,
    ...own,
    observer,
  })
  workerGauges(metrics, stage.name, worker)
  return { name: stage.name, topics, worker }
}

function routeOptions(config: Config) {
  const { providers, providerOf } = config
  const provider = (channel: Channel) => {
    const name = providerOf[channel]
    return { name, takesAnyAddress: providers.find((one) => one.name === name)?.kind === 'outbox' }
  }
  const byChannel = Object.fromEntries(channels.map((channel) => [channel, provider(channel)]))
  return {
    providers: byChannel as Record<Channel, ReturnType<typeof provider>>,
    limitsOf: channelLimits(config),
  }
}

function throttleStage(config: Config, stagePorts: StagePorts) {
  const { log, bindings: bindingsOf, health, metrics, countState, directory } = stagePorts
  const bindings = bindingsOf()
  const { breaker } = config
  const { window } = config.deliver
  const into = (channel: Channel, { lane, partition }: Scope) => ({
    topic: topicOf('deliveries.released', lane, channel),
    partition,
  })
  const credit = {
    outstanding: (channel: Channel, scope: Scope) => log.unacked('deliver', into(channel, scope)),
    finished: (channel: Channel, scope: Scope) => log.acked('deliver', into(channel, scope)),
  }
  const ports = {
    credit,
    creditChanged: log.acks('deliver'),
    health,
    part: (delivery: Delivery) => bindings.get(delivery.provider)?.provider.destination(delivery) ?? null,
    observer: throttleObserver(metrics, () => countParked(countState)),
    wishes: recipientWishes(directory()),
  }
  const probeEveryMs = breaker.halfOpenAfterMs
  // What waits for its time when a cancel comes is retried for no longer than that afterwards.
  const cancelMemoryMs = Math.max(minCancelMemoryMs, longestRetryMs(config) + day)
  return throttle(ports, { window, ...pacing(config), probeEveryMs, patienceMs, cancelMemoryMs })
}

function pacing(config: Config) {
  return { limitsOf: rateLimits(config), paceOf: paceClass(config) }
}

function deliverStage(config: Config, { bindings: bindingsOf, metrics, tracing }: StagePorts) {
  const { breaker, retention } = config
  return deliver(
    {
      bindings: bindingsOf(),
      called: callObserver(metrics),
      observer: deliverObserver(metrics),
      ...(tracing && { tracer: tracing.callTracer }),
    },
    {
      retryOf: retryRules(config),
      bounds: { retryAfterMinMs, retryAfterMaxMs },
      breaker,
      ...pacing(config),
      ledgerMemoryMs: Math.max(retention.logHours * 60 * 60 * 1000, longestRetryMs(config)),
    },
  )
}

/** Each is told, in their order. */
export function allOf(observers: readonly WorkerObserver[]): WorkerObserver {
  return {
    given(records) {
      for (const observer of observers) observer.given?.(records)
    },
    committed(commit) {
      for (const observer of observers) observer.committed?.(commit)
    },
    left(records, error) {
      for (const observer of observers) observer.left?.(records, error)
    },
    assigned(assignments) {
      for (const observer of observers) observer.assigned?.(assignments)
    },
    crashed(error, retryInMs) {
      for (const observer of observers) observer.crashed?.(error, retryInMs)
    },
  }
}
