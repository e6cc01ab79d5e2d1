/** A Carillon on Kafka to be measured: topics and a store of its own, and a process for each stage with a stub in the
 *  place of the providers. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { type Config, loadConfig } from '../pipeline/config/config.js'
import type { StoreChoice } from '../pipeline/config/environment.js'
import type { KafkaConfig } from '../pipeline/config/kafka.js'
import { type Codec, createCodec } from '../pipeline/engine/codec.js'
import { type KafkaLog, openKafkaLog } from '../pipeline/logs/kafka/log.js'
import { openSharedStores } from '../pipeline/run/kafka/stores.js'
import { openMongo } from '../pipeline/stores/mongodb/connection.js'
import type { NotificationRequested } from '../schemas/events.js'
import { requested } from '../schemas/outgoing.js'
import { foreignVariables } from './carillon-process.js'
import { type Ground, onBroker } from './kafka-broker.js'
import type { StageOrder } from './kafka-stage-calls.js'
import { type StageProcess, startStageProcess } from './kafka-stage-process.js'
import { onTopics, randomPrefix } from './kafka-topics.js'
import { type BenchChannel, orderShipped } from './notifications.js'
import { type Ended, endedInMongo, endedInSqlite } from './recorded.js'
import { inFolder } from './run-folder.js'
import type { StubReport } from './stub-provider.js'

/** How it is set up, where that is not as usual. */
export interface KafkaSetUp {
  /** Of its provider. */
  readonly concurrency?: number
  /** How long that one takes to answer. */
  readonly answersAfterMs?: number
  /** A folder for profiles of processor time, by stage. */
  readonly profiles?: string | undefined
  /** Channels that its provider carries; text messages only unless said. */
  readonly channels?: readonly BenchChannel[]
}

export interface KafkaCarillon {
  readonly config: Config
  readonly kafka: KafkaConfig
  readonly codec: Codec
  /** The bench's own way to the topics. */
  readonly log: KafkaLog
  /** Records that have ended. */
  readonly ended: Ended
  /** Writes to notifications.requested. */
  append(notifications: readonly NotificationRequested[]): Promise<void>
  /** Starts a process; the slot is one of its own, or null for none. What runs at the end is stopped. */
  start(runs: StageOrder['runs'], slot?: number | null): Promise<StageProcess>
  /** Where the broker's own process is known, its id. */
  readonly brokerPid: number | null
  /** What the stubs were asked, in processes that were stopped. */
  readonly reports: readonly StubReport[]
  /** Drains the processes that run, or some of them. */
  stop(some?: readonly StageProcess[]): Promise<void>
}

const threads = '64'
const providerUrl = 'http://127.0.0.1:9'

/** Runs on a broker with empty topics and an empty store that holds the template of `makeNotifications`. */
export function withKafkaCarillon<T>(
  setUp: KafkaSetUp,
  run: (carillon: KafkaCarillon, keep: () => void) => Promise<T>,
): Promise<T> {
  return onBroker((ground) =>
    inFolder(async (folder, keep) => {
      const environment = environmentOf(folder, ground, setUp)
      const config = loadConfig(environment)
      const { kafka } = config
      if (!kafka) throw new Error('The configuration of the bench is without Kafka')
      return onTopics(kafka, () =>
        withStore(config, async (ended) => {
          const log = await openKafkaLog({
            ...{ connection: kafka.connection, partitions: kafka.partitions, prefix: kafka.prefix },
            stateFolder: join(folder, 'bench'),
          })
          const processes = new Set<StageProcess>()
          const parts = { config, kafka, log, ended, brokerPid: ground.brokerPid }
          const carillon = carillonOn(parts, environment, setUp, processes)
          try {
            return await run(carillon, keep)
          } finally {
            await carillon.stop()
            await log.close()
          }
        }),
      )
    }),
  )
}

function carillonOn(
  parts: Pick<KafkaCarillon, 'config' | 'kafka' | 'log' | 'ended' | 'brokerPid'>,
  environment: Readonly<Record<string, string>>,
  { answersAfterMs = 0, profiles }: KafkaSetUp,
  processes: Set<StageProcess>,
): KafkaCarillon {
  const codec = createCodec()
  const reports: StubReport[] = []
  return {
    ...{ ...parts, codec, reports },
    append: (notifications) =>
      parts.log.append(notifications.map((one) => codec.encode(requested(one), one.acceptedAtMs))),
    async start(runs, slot = 0) {
      const own = slot === null ? {} : { CARILLON_SLOT: String(slot) }
      const env = { ...foreignVariables(), ...environment, ...own, UV_THREADPOOL_SIZE: threads }
      const started = await startStageProcess({ runs, answersAfterMs }, env, profiles ?? null)
      processes.add(started)
      return started
    },
    async stop(some = [...processes]) {
      for (const one of some) processes.delete(one)
      reports.push(...(await Promise.all(some.map((one) => one.stop()))))
    },
  }
}

function environmentOf(folder: string, { brokers, store }: Ground, { concurrency, channels = ['sms'] }: KafkaSetUp) {
  const file = join(folder, 'carillon.yaml')
  const prefix = randomPrefix()
  const provider = { kind: 'http', name: 'stub', channels, url: providerUrl }
  writeFileSync(
    file,
    stringify({ kafka: { prefix }, providers: [{ ...provider, ...(concurrency !== undefined && { concurrency }) }] }),
  )
  return {
    CARILLON_DATA: join(folder, 'data'),
    CARILLON_CONFIG: file,
    CARILLON_LOG: `kafka://${brokers}`,
    CARILLON_STORE: storeOf(store, prefix),
    CARILLON_PORT: '0',
    CARILLON_OPS_PORT: '0',
    CARILLON_LOG_LEVEL: 'error',
  }
}

/** In MongoDB a database for this run. */
function storeOf(store: StoreChoice, prefix: string): string {
  if (store.kind === 'sqlite') return 'sqlite:'
  const url = new URL(store.url)
  url.pathname = `/carillon-${prefix.replace('.', '')}`
  return url.href
}

async function withStore<T>(config: Config, run: (ended: Ended) => Promise<T>): Promise<T> {
  const { store } = config
  mkdirSync(config.dataFolder)
  const stores = await openSharedStores(config, Date.now)
  await stores.prepare()
  await stores.templates.put('default', orderShipped, 0)
  await stores.close()
  const ended =
    store.kind === 'mongodb' ? endedInMongo(store.url) : endedInSqlite(join(config.dataFolder, 'carillon.db'))
  try {
    return await run(ended)
  } finally {
    await ended.close()
    if (store.kind === 'mongodb') await dropDatabase(store.url)
  }
}

async function dropDatabase(url: string): Promise<void> {
  const mongo = openMongo({ url })
  await mongo.run('drop the database of the bench', () => mongo.db.dropDatabase()).finally(() => mongo.close())
}
