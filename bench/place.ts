/** Where a Carillon of the bench has its data: a folder, and on Kafka topics and a store of its own. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { type Config, loadConfig } from '../pipeline/config/config.js'
import type { StoreChoice } from '../pipeline/config/environment.js'
import type { KafkaConfig } from '../pipeline/config/kafka.js'
import { ensureTopics } from '../pipeline/logs/kafka/topic-admin.js'
import { carillonTopics } from '../pipeline/logs/kafka/topics.js'
import { openMongo } from '../pipeline/stores/mongodb/connection.js'
import { missingForBroker, startBroker } from '../testing/logs/kafka/broker-under-test.js'
import { dropTopics } from '../testing/logs/kafka/topics-under-test.js'
import { childPid } from './process-use.js'
import { inFolder } from './run.js'

export const engineNames = ['sqlite', 'kafka'] as const
export type Engine = (typeof engineNames)[number]

export interface Place {
  readonly engine: Engine
  /** Of the run, for whatever it needs; the data has a folder of its own in it. */
  readonly folder: string
  /** What every process of Carillon is told. */
  readonly environment: Readonly<Record<string, string>>
  readonly config: Config
  /** Of a broker that was started for the run; null where it is another, or the system does not tell. */
  readonly brokerPid: number | null
  /** Keeps the folder, for somebody to look at. */
  keep(): void
}

export interface PlaceSetUp {
  /** For the file of its configuration. */
  readonly settings?: object
  readonly environment?: Readonly<Record<string, string>>
}

/** The compiled file stands in dist/bench. */
const root = join(import.meta.dirname, '..', '..')

/** Runs where nothing is yet; everything is removed afterwards, but what Kafka keeps of groups, which expires by itself. */
export function inPlace<T>(engine: Engine, setUp: PlaceSetUp, run: (place: Place) => Promise<T>): Promise<T> {
  if (engine === 'sqlite') {
    return inFolder((folder, keep) => run({ ...placeIn(folder, setUp), engine, brokerPid: null, keep }))
  }
  return onBroker(({ brokers, store, brokerPid }) =>
    inFolder(async (folder, keep) => {
      const prefix = `bench-${randomBytes(4).toString('hex')}.`
      const settings = { ...setUp.settings, kafka: { prefix } }
      const onKafka = { CARILLON_LOG: `kafka://${brokers}`, CARILLON_STORE: storeOf(store, prefix), CARILLON_SLOT: '0' }
      const environment = { ...onKafka, CARILLON_OPS_PORT: '0', ...setUp.environment }
      const place = { ...placeIn(folder, { settings, environment }), engine, brokerPid, keep }
      const kafka = kafkaOf(place)
      const topics = carillonTopics(kafka)
      await ensureTopics(kafka.connection, topics, kafka.replicationFactor)
      try {
        return await run(place)
      } finally {
        const names = topics.map(({ name }) => name)
        await dropTopics(brokers, names)
        await dropStore(place.config.store)
      }
    }),
  )
}

/** Of a place on Kafka. */
export function kafkaOf({ config }: Pick<Place, 'config'>): KafkaConfig {
  if (!config.kafka) throw new Error('The configuration of the bench is without Kafka')
  return config.kafka
}

/** The file of the embedded engine, or of records where they are in SQLite. */
export function databaseFileOf({ config }: Pick<Place, 'config'>): string {
  return join(config.dataFolder, 'carillon.db')
}

/** What this shell says to Carillon is not for the one under test. */
export function foreignVariables(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('CARILLON_')))
}

function placeIn(folder: string, { settings = {}, environment: own }: PlaceSetUp) {
  const file = join(folder, 'carillon.yaml')
  const data = join(folder, 'data')
  mkdirSync(data)
  writeFileSync(file, stringify(settings))
  const plain = { CARILLON_LOG_LEVEL: 'error', CARILLON_PORT: '0' }
  const environment = { ...plain, CARILLON_DATA: data, CARILLON_CONFIG: file, ...own }
  return { folder, environment, config: loadConfig({ ...foreignVariables(), ...environment }) }
}

interface Ground {
  /** host:port, by comma */
  readonly brokers: string
  readonly store: StoreChoice
  readonly brokerPid: number | null
}

/** The broker of CARILLON_LOG, else one of its own, which ends afterwards. Rejects where none can be had, and says why. */
async function onBroker<T>(run: (ground: Ground) => Promise<T>): Promise<T> {
  const { kafka, store } = loadConfig()
  if (kafka) return run({ brokers: kafka.connection.brokers, store, brokerPid: null })
  const missing = missingForBroker(root)
  if (missing !== null) throw new Error(`Set CARILLON_LOG to kafka://host:port: no broker can be started, ${missing}`)
  const broker = await startBroker(root)
  try {
    return await run({ brokers: broker.address, store, brokerPid: childPid('java') })
  } finally {
    await broker.stop()
  }
}

/** In MongoDB a database for this run. */
function storeOf(store: StoreChoice, prefix: string): string {
  if (store.kind === 'sqlite') return 'sqlite:'
  const url = new URL(store.url)
  url.pathname = `/carillon-${prefix.replace('.', '')}`
  return url.href
}

async function dropStore(store: StoreChoice): Promise<void> {
  if (store.kind === 'sqlite') return
  const mongo = openMongo({ url: store.url })
  await mongo.run('drop the database of the bench', () => mongo.db.dropDatabase()).finally(() => mongo.close())
}
