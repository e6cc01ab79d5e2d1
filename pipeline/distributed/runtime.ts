/** What every process on Kafka is made of: the log, the shared store, the codec, and what its stages ask for. */
import { firstValueFrom, Subject } from 'rxjs'
import type { Unavailable } from '../../ingress/ports.js'
import type { Carrier } from '../../stages/deliver.js'
import { createCarriers } from '../composition/carriers.js'
import { providerHealth } from '../composition/provider-health.js'
import type { StagePorts } from '../composition/stages.js'
import type { Config } from '../config/config.js'
import type { KafkaConfig } from '../config/kafka.js'
import type { Codec } from '../engine/codec.js'
import type { RestoreProgress } from '../kafka/changelog.js'
import { type KafkaLog, openKafkaLog } from '../kafka/log.js'
import { readyTopics } from '../kafka/ready-topics.js'
import type { Logger } from '../logging.js'
import type { Metrics } from '../metrics.js'
import { type OpenCodec, openCodec } from '../registry/open-codec.js'
import { createRenderer, type RendererPool } from '../rendering/pool.js'
import { openWhenReady } from './opening.js'
import { type StateFolder, takeStateFolder } from './state-folder.js'
import { openSharedStores, type SharedStores } from './stores.js'

export interface ProcessOptions {
  readonly config: Config
  /** What the process runs, for its local state. */
  readonly role: string
  readonly metrics: Metrics
  readonly logger: Logger
  /** Creates missing topics, whatever the configuration says. */
  readonly createTopics: boolean
  /** Puts other carriers in the place of the configured ones. */
  readonly carriers?: ReadonlyMap<string, Carrier> | undefined
  /** Aborts the wait for Kafka. */
  readonly signal: AbortSignal
}

export interface Runtime {
  readonly log: KafkaLog
  readonly codec: Codec
  readonly stores: SharedStores
  readonly stagePorts: StagePorts
  /** Resolves when the process cannot go on. */
  readonly died: Promise<unknown>
  /** Made when it is asked for first. */
  renderer(): RendererPool
  close(): Promise<void>
}

/** Opens everything once Kafka and its topics are there. Rejects with an error that says what to do. */
export async function openProcess(options: ProcessOptions): Promise<Runtime> {
  const { config, role, logger, signal } = options
  const { kafka } = config
  if (!kafka) throw new KafkaNotConfigured()
  const folder = takeStateFolder(config.dataFolder, role, config.slot)
  let codec: OpenCodec | null = null
  const tell = (line: string) => logger.warn('Kafka’s topics', { reason: line })
  const say = (error: Unavailable, waitMs: number) =>
    logger.warn('Kafka is not ready; waiting for it', { error, waitMs })
  try {
    codec = await openCodec({ ...config, folder: folder.path, nowMs: Date.now, warn: (line) => logger.warn(line) })
    const opened = codec
    await readyTopics(kafka, { create: options.createTopics || kafka.createTopics, say: tell, signal })
    return await openWhenReady(() => openRuntime(options, kafka, folder, opened), signal, say)
  } catch (error) {
    await codec?.close()
    folder.unlock()
    throw error
  }
}

/** The command runs on Kafka only. */
export class KafkaNotConfigured extends Error {
  override readonly name = 'KafkaNotConfigured'
  readonly code = 'kafka-not-configured'
  constructor() {
    super(
      'This command needs Kafka: set CARILLON_LOG to kafka://host:port. Without it, carillon start runs everything.',
    )
  }
}

async function openRuntime(
  { config, metrics, logger, carriers: given }: ProcessOptions,
  kafka: KafkaConfig,
  folder: StateFolder,
  { codec, close: closeCodec }: OpenCodec,
): Promise<Runtime> {
  const nowMs = Date.now
  const stores = openSharedStores(config, nowMs)
  const died = new Subject<Error>()
  const log = await openKafkaLog({
    ...logOptions(config, kafka),
    stateFolder: folder.path,
    onRestore: (progress) => tellRestore(progress, metrics, logger),
    onUnusable: (why) => died.next(why),
  }).catch(async (error: unknown) => {
    await stores.close()
    throw error
  })
  const renderer = once(() => makeRenderer(config))
  const carriers = once(() => given ?? makeCarriers(config, stores, logger, nowMs))

  return {
    log,
    codec,
    stores,
    died: firstValueFrom(died),
    renderer: renderer.get,
    stagePorts: {
      log,
      codec,
      metrics,
      crashed: (stage, error, waitMs) => logger.error('A stage failed and starts again', { stage, waitMs, error }),
      enrich: () => ({ directory: stores.directory, templates: stores.templateSource, renderer: renderer.get() }),
      records: () => ({
        merge: async (events) => {
          await stores.merge(events)
        },
      }),
      carriers: carriers.get,
      health: providerHealth(log, codec, nowMs),
    },
    async close() {
      await Promise.all([...(carriers.made()?.values() ?? [])].map(({ provider }) => provider.close()))
      await renderer.made()?.close()
      await log.close()
      await stores.close()
      await closeCodec()
      folder.unlock()
    },
  }
}

function logOptions(
  { slot }: Config,
  { connection, partitions, prefix, sessionTimeoutMs, deleteRetentionMs }: KafkaConfig,
) {
  return {
    ...{ connection, partitions, prefix, deleteRetentionMs },
    slot: slot === null ? null : String(slot),
    ...(sessionTimeoutMs !== null && { sessionTimeoutMs }),
  }
}

function tellRestore({ group, records, perSecond, leftMs }: RestoreProgress, metrics: Metrics, logger: Logger): void {
  metrics.restored.set({ stage: group }, records)
  metrics.restoreRate.set({ stage: group }, perSecond)
  metrics.restoreLeft.set({ stage: group }, (leftMs ?? 0) / 1000)
  logger.info('Restoring local state', { group, records, perSecond: Math.round(perSecond), leftMs })
}

function makeRenderer({ rendering }: Config): RendererPool {
  return createRenderer({
    threads: rendering.workers,
    outputBytes: rendering.outputBytes,
    times: { aloneJobMs: rendering.timeLimitMs },
  })
}

function makeCarriers(
  config: Config,
  { inbox, outbox }: SharedStores,
  logger: Logger,
  nowMs: () => number,
): ReadonlyMap<string, Carrier> {
  return createCarriers(config.providers, {
    inbox,
    outbox,
    nowMs,
    announce: ({ deliveryId, channel, note }) =>
      logger.info('Kept in the outbox', { deliveryId, channel, reason: note }),
  })
}

function once<T>(make: () => T) {
  let value: T | undefined
  return {
    get: (): T => {
      value ??= make()
      return value
    },
    made: () => value,
  }
}
