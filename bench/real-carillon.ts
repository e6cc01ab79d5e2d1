/** A Carillon of real processes, as people run it, on either engine: for what is measured over HTTP. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { loadConfig } from '../pipeline/config/config.js'
import { Database } from '../pipeline/logs/sqlite/database.js'
import { stageNames } from '../stages/stage.js'
import { type CarillonProcess, foreignVariables, startCarillon } from './carillon-process.js'
import { onBroker } from './kafka-broker.js'
import { readTopic } from './kafka-tally.js'
import { onTopics, randomPrefix } from './kafka-topics.js'
import { inFolder } from './run-folder.js'
import type { Engine } from './subject.js'
import { idOf, idsOn } from './tally.js'
import { processTimeMs, threadTimesMs } from './thread-time.js'

export interface RealCarillon {
  /** Of the ingress. */
  readonly address: string
  /** Processor time so far in milliseconds. On Kafka by process; embedded by thread: `http`, `engine`, which is the
   *  busiest of the others, and `others`: what renders, collects garbage and writes files. */
  cpuMs(): Readonly<Record<string, number>>
  /** Ends it, embedded with SIGKILL, and reads every id on notifications.requested. */
  requestedIds(): Promise<readonly string[]>
}

/** `providerUrl` null: what has no provider goes to the outbox. On Kafka the ingress and each stage are processes of
 *  their own. */
export function withRealCarillon<T>(
  engine: Engine,
  providerUrl: string | null,
  run: (carillon: RealCarillon) => Promise<T>,
): Promise<T> {
  const provider = providerUrl === null ? {} : { CARILLON_PROVIDER_URL: providerUrl }
  const plain = { CARILLON_LOG_LEVEL: 'error', ...provider }
  if (engine === 'sqlite') return inFolder((folder) => embedded(folder, plain, run))
  return onBroker(({ brokers }) => inFolder((folder) => onKafka(folder, brokers, plain, run)))
}

async function embedded<T>(
  folder: string,
  environment: Readonly<Record<string, string>>,
  run: (carillon: RealCarillon) => Promise<T>,
): Promise<T> {
  const carillon = await startCarillon(folder, environment)
  try {
    return await run({
      address: carillon.address,
      cpuMs: () => threadsOf(carillon.pid),
      async requestedIds() {
        await carillon.kill()
        const database = new Database(join(folder, 'carillon.db'))
        try {
          return [...idsOn(database, 'notifications.requested')]
        } finally {
          database.close()
        }
      },
    })
  } finally {
    await carillon.stop()
  }
}

/** The first thread of a process has its id. */
function threadsOf(pid: number): Readonly<Record<string, number>> {
  const times = threadTimesMs(pid)
  const [engine = 0, ...others] = [...times].flatMap(([thread, ms]) => (thread === pid ? [] : ms)).sort((a, b) => b - a)
  return { http: times.get(pid) ?? 0, engine, others: others.reduce((sum, ms) => sum + ms, 0) }
}

async function onKafka<T>(
  folder: string,
  brokers: string,
  plain: Readonly<Record<string, string>>,
  run: (carillon: RealCarillon) => Promise<T>,
): Promise<T> {
  const file = join(folder, 'carillon.yaml')
  const data = join(folder, 'data')
  mkdirSync(data)
  writeFileSync(file, stringify({ kafka: { prefix: randomPrefix() } }))
  const environment = { ...plain, CARILLON_LOG: `kafka://${brokers}`, CARILLON_CONFIG: file, CARILLON_OPS_PORT: '0' }
  const { kafka } = loadConfig({ ...foreignVariables(), ...environment, CARILLON_DATA: data })
  if (!kafka) throw new Error('The configuration of the bench is without Kafka')
  return onTopics(kafka, async () => {
    const processes = new Map<string, CarillonProcess>()
    const stop = () => Promise.all([...processes.values()].map((one) => one.stop()))
    const start = async (name: string, command: readonly string[]) => {
      const started = await startCarillon(data, environment, undefined, command)
      processes.set(name, started)
      return started
    }
    try {
      const { address } = await start('ingress', ['ingress'])
      await Promise.all(stageNames.map((name) => start(name, ['stage', name])))
      return await run({
        address,
        cpuMs: () => Object.fromEntries([...processes].map(([name, { pid }]) => [name, processTimeMs(pid) ?? 0])),
        async requestedIds() {
          await stop()
          const ids: string[] = []
          await readTopic(kafka, 'notifications.requested', (event) => ids.push(idOf(event)))
          return ids
        },
      })
    } finally {
      await stop()
    }
  })
}
