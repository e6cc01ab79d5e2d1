/** Opens what every process on Kafka needs: the log, the shared store, the codec and the ports of its stages. */

import { setTimeout as sleep } from 'node:timers/promises'
import { firstValueFrom, Subject } from 'rxjs'
import { Unavailable } from '../../../schemas/errors.js'
import type { ProviderBinding } from '../../../stages/deliver/providers/provider.js'
import type { StageName } from '../../../stages/stage.js'
import type { Config } from '../../config/config.js'
import type { KafkaConfig } from '../../config/kafka.js'
import { type Codec, createCodec } from '../../engine/codec.js'
import type { RestoreProgress } from '../../logs/kafka/changelog.js'
import { type KafkaLog, openKafkaLog } from '../../logs/kafka/log.js'
import { readyTopics } from '../../logs/kafka/ready-topics.js'
import { statelessWorkers } from '../../logs/kafka/topics.js'
import type { Logger } from '../../observe/logging/logging.js'
import { kafkaObserver } from '../../observe/metrics/librdkafka.js'
import type { Metrics } from '../../observe/metrics/metrics.js'
import { openTracing } from '../../observe/tracing/tracing.js'
import type { OpenCodec } from '../../registry/open-codec.js'
import { logCrashes } from '../log-lines.js'
import type { StagePorts, WorkerPorts } from '../stages.js'
import { providerHealth } from '../tailed-events.js'
import { openParts, type Parts } from './parts.js'
import { type StateFolder, takeStateFolder } from './state-folder.js'

export interface ProcessOptions {
  readonly config: Config
  /** What the process runs; names the folder of its local state. */
  readonly role: string
  readonly metrics: Metrics
  readonly logger: Logger
  /** Creates missing topics even where the configuration does not allow it. */
  readonly createTopics: boolean
  /** Replace the configured providers. */
  readonly bindings?: ReadonlyMap<string, ProviderBinding> | undefined
  /** Aborts the wait for Kafka. */
  readonly signal: AbortSignal
}

export interface Runtime {
  readonly log: KafkaLog
  readonly codec: Codec
  readonly parts: Parts
  /** Resolves when the process cannot go on. */
  readonly died: Promise<unknown>
  /** The ports of every worker. */
  readonly workerPorts: WorkerPorts
  /** The ports of these stages; opens what they need. */
  stagePorts(names: readonly StageName[]): Promise<StagePorts>
  close(): Promise<void>
}

/** Stages that need the store, and stages that need the providers. */
const storing: ReadonlySet<StageName> = new Set(['enrich-template', 'record'])
const carrying: ReadonlySet<StageName> = new Set(['throttle', 'deliver'])

/** Opens everything once Kafka and its topics are available. Rejects with an error that says what to do. */
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
    codec = await codecOf(config, folder, logger)
    const opened = codec
    await readyTopics(kafka, { create: options.createTopics || kafka.createTopics, say: tell, signal })
    return await openWhenReady(() => openRuntime(options, kafka, folder, opened), signal, say)
  } catch (error) {
    await codec?.close()
    folder.unlock()
    throw error
  }
}

/** The command needs Kafka, and none is configured. */
export class KafkaNotConfigured extends Error {
  override readonly name = 'KafkaNotConfigured'
  readonly code = 'kafka-not-configured'
  constructor() {
    super(
      'This command needs Kafka: set CARILLON_LOG to kafka://host:port. Without it, carillon start runs everything.',
    )
  }
}

/** Loads the registry's client only where a registry is configured. */
async function codecOf({ registry }: Config, { path: folder }: StateFolder, logger: Logger): Promise<OpenCodec> {
  if (registry === null) return { codec: createCodec(), close: async () => undefined }
  const { openCodec } = await import('../../registry/open-codec.js')
  return openCodec({ registry, folder, nowMs: Date.now, warn: (line) => logger.warn(line) })
}

async function openRuntime(
  { config, role, metrics, logger, bindings: given }: ProcessOptions,
  kafka: KafkaConfig,
  folder: StateFolder,
  { codec, close: closeCodec }: OpenCodec,
): Promise<Runtime> {
  const died = new Subject<Error>()
  const log = await openKafkaLog({
    ...logOptions(config, kafka),
    stateFolder: folder.path,
    onRestore: (progress) => tellRestore(progress, metrics, logger),
    onUnusable: (why) => died.next(why),
    observer: kafkaObserver(metrics),
  })
  const parts = openParts(config, logger, Date.now, metrics, given)
  const tracing = await openTracing({ config, role, metrics, logger })
  const workerPorts: Runtime['workerPorts'] = {
    log,
    codec,
    metrics,
    tracing,
    crashed: logCrashes(logger),
  }

  return {
    log,
    codec,
    parts,
    died: firstValueFrom(died),
    workerPorts,
    stagePorts: (names) => stagePortsOf(names, workerPorts, log, parts),
    async close() {
      await parts.close()
      await tracing?.close()
      await log.close()
      await closeCodec()
      folder.unlock()
    },
  }
}

/** Opens the parts that these stages need, and no others. */
async function stagePortsOf(
  names: readonly StageName[],
  workerPorts: WorkerPorts,
  log: KafkaLog,
  parts: Parts,
): Promise<StagePorts> {
  const stores = names.some((name) => storing.has(name)) ? await parts.stores() : null
  const bindings = names.some((name) => carrying.has(name)) ? await parts.bindings() : null
  const renderer = names.includes('enrich-template') ? await parts.renderer() : null
  const needed = <T>(part: T | null): T => {
    if (part === null) throw new Error(`No part was opened for it: ${names}`)
    return part
  }
  return {
    ...workerPorts,
    // The store is opened only when a duplicate is found.
    outcomes: () => ({ endsOf: async (tenant, ids) => (await parts.stores()).records.endsOf(tenant, ids) }),
    directory: () => ({ find: async (wanted) => (await parts.stores()).directory.find(wanted) }),
    enrich: () => {
      const { directory, templateSource: templates } = needed(stores)
      return { directory, templates, renderer: needed(renderer) }
    },
    records: () => needed(stores),
    watchers: null,
    bindings: () => needed(bindings),
    health: providerHealth(log, workerPorts.codec, Date.now),
    countState: log.countState,
  }
}

function logOptions(
  { slot }: Config,
  { connection, partitions, prefix, sessionTimeoutMs, deleteRetentionMs }: KafkaConfig,
) {
  return {
    ...{ connection, partitions, prefix, deleteRetentionMs },
    statelessGroups: statelessWorkers,
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

const firstPauseMs = 500
const longestPauseMs = 10_000

/** Tries until `open` succeeds. Rejects with an error that waiting does not cure, and when `signal` aborts. */
export async function openWhenReady<T>(
  open: () => Promise<T>,
  signal: AbortSignal,
  say: (error: Unavailable, retryInMs: number) => void,
): Promise<T> {
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, 2 * pauseMs)) {
    signal.throwIfAborted()
    try {
      return await open()
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      say(error, pauseMs)
      await sleep(pauseMs, undefined, { signal })
    }
  }
}
