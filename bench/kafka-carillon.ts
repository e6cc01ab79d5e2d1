/** A Carillon on Kafka to be measured: a process for each stage with a stub in the place of the providers. */
import { join } from 'node:path'
import { type Codec, createCodec } from '../pipeline/engine/codec.js'
import type { NewRecord } from '../pipeline/engine/log.js'
import { openKafkaLog } from '../pipeline/logs/kafka/log.js'
import { openSharedStores } from '../pipeline/run/kafka/stores.js'
import type { NotificationRequested } from '../schemas/events.js'
import { requested } from '../schemas/outgoing.js'
import { type StageOrder, type StageProcess, startStageProcess } from './kafka-stage-process.js'
import { type BenchChannel, orderShipped } from './notifications.js'
import { databaseFileOf, foreignVariables, inPlace, kafkaOf, type Place } from './place.js'
import type { StubReport } from './stub-provider.js'
import { type Ended, type Expected, endedInMongo, endedInSqlite, type Tally, tallyRun } from './tally.js'

/** How it is set up, where that is not as usual. */
export interface KafkaSetUp {
  /** Of its provider. */
  readonly concurrency?: number
  /** How long that one takes to answer. */
  readonly answersAfterMs?: number
  /** A folder for profiles of processor time, by stage. */
  readonly profile?: string | undefined
  /** Channels that its provider carries; text messages only unless said. */
  readonly channels?: readonly BenchChannel[]
}

export interface KafkaCarillon {
  readonly place: Place
  readonly codec: Codec
  /** Records that have ended. */
  readonly ended: Ended
  /** Writes to notifications.requested. */
  append(notifications: readonly NotificationRequested[]): Promise<void>
  /** Writes what the codec made. */
  write(records: readonly NewRecord[]): Promise<void>
  /** Starts a process; the slot is one of its own, or null for none. What runs at the end is stopped. */
  start(runs: StageOrder['runs'], slot?: number | null): Promise<StageProcess>
  /** What the stubs were asked, in processes that were stopped. */
  readonly reports: readonly StubReport[]
  /** Drains the processes that run, or some of them. */
  stop(some?: readonly StageProcess[]): Promise<void>
  /** Stops all, and counts. */
  tally(expected: Expected): Promise<Tally>
}

const threads = '64'
const providerUrl = 'http://127.0.0.1:9'

/** Runs with empty topics and an empty store that holds the template of `makeNotifications`. */
export function withKafkaCarillon<T>(setUp: KafkaSetUp, run: (carillon: KafkaCarillon) => Promise<T>): Promise<T> {
  const { concurrency, channels = ['sms'] } = setUp
  const provider = { kind: 'http', name: 'stub', channels, url: providerUrl }
  const settings = { providers: [{ ...provider, ...(concurrency !== undefined && { concurrency }) }] }
  return inPlace('kafka', { settings }, async (place) => {
    const { config, folder } = place
    const { connection, partitions, prefix } = kafkaOf(place)
    const stores = await openSharedStores(config, Date.now)
    await stores.prepare()
    await stores.templates.put('default', orderShipped, 0)
    await stores.close()
    const { store } = config
    const ended = store.kind === 'mongodb' ? endedInMongo(store.url) : endedInSqlite(databaseFileOf(place))
    const log = await openKafkaLog({ connection, partitions, prefix, stateFolder: join(folder, 'bench') })
    const carillon = carillonIn(place, ended, (records) => log.append(records), setUp)
    try {
      return await run(carillon)
    } finally {
      await carillon.stop()
      await log.close()
      await ended.close()
    }
  })
}

function carillonIn(
  place: Place,
  ended: Ended,
  write: KafkaCarillon['write'],
  { answersAfterMs = 0, profile }: KafkaSetUp,
): KafkaCarillon {
  const codec = createCodec()
  const reports: StubReport[] = []
  const processes = new Set<StageProcess>()
  const stop = async (some: readonly StageProcess[] = [...processes]) => {
    for (const one of some) processes.delete(one)
    reports.push(...(await Promise.all(some.map((one) => one.stop()))))
  }
  return {
    ...{ place, codec, ended, write, reports, stop },
    append: (notifications) => write(notifications.map((one) => codec.encode(requested(one), one.acceptedAtMs))),
    async start(runs, slot = 0) {
      const { CARILLON_SLOT: _, ...environment } = place.environment
      const own = slot === null ? {} : { CARILLON_SLOT: String(slot) }
      const env = { ...foreignVariables(), ...environment, ...own, UV_THREADPOOL_SIZE: threads }
      const started = await startStageProcess({ runs, answersAfterMs }, env, profile ?? null)
      processes.add(started)
      return started
    },
    async tally(expected) {
      await stop()
      return tallyRun(place, expected, reports, await ended.ids())
    },
  }
}
