/** Where the bench's Kafka is: the broker of CARILLON_LOG, else one of its own. */
import { join } from 'node:path'
import { loadConfig } from '../pipeline/config/config.js'
import type { StoreChoice } from '../pipeline/config/environment.js'
import { missingForBroker, startBroker } from '../testing/logs/kafka/broker-under-test.js'
import { childPid } from './thread-time.js'

/** What the bench runs on. */
export interface Ground {
  /** host:port, by comma */
  readonly brokers: string
  readonly store: StoreChoice
  /** Of a broker that was started for the run; null where it is another, or the system does not tell. */
  readonly brokerPid: number | null
}

/** The compiled file stands in dist/bench. */
const root = join(import.meta.dirname, '..', '..')

/** Gives `run` a broker; one that it started ends afterwards. Rejects where none can be had, and says why. */
export async function onBroker<T>(run: (ground: Ground) => Promise<T>): Promise<T> {
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
