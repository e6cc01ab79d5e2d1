/** The yardstick on Kafka: six exactly-once hops that poll, decode, encode and commit on Carillon's own Kafka log, with
 *  nothing of its engine or its stages. */
import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { loadKafka } from '../pipeline/logs/kafka/library.js'
import { kafkaNames } from '../pipeline/logs/kafka/names.js'
import { ensureTopics } from '../pipeline/logs/kafka/topic-admin.js'
import { type Reading, wantedTopics } from '../pipeline/logs/kafka/topics.js'
import { type TopicName, waysOf } from '../schemas/topics.js'
import { monotonicMs } from './monotonic-clock.js'
import { inFolder } from './run-folder.js'

export interface KafkaChainOptions {
  readonly brokers: string
  readonly count: number
  /** A process for each hop, or one for all. */
  readonly processes: 1 | 6
  readonly partitions?: number
  /** Lay so many a second and measure how late they arrive; else all at once. */
  readonly perSecond?: number
}

export interface KafkaChainRun {
  readonly perSecond: number
  readonly lost: number
  readonly duplicates: number
  /** Processor time of the hops' processes for each message and hop, in microseconds; the broker's is not in it. */
  readonly cpuMicrosPerHop: number
  /** Messages in a transaction, in the mean. */
  readonly batch: number
  /** A commit takes so long, in the mean. */
  readonly commitMs: number
  /** From the append to the poll of each hop; null where all were laid at once. */
  readonly latencyMs: readonly { readonly p50: number; readonly p95: number }[] | null
  /** Of the largest process. */
  readonly rssMiB: number
}

/** What a process is told. */
export interface ChainOrder {
  readonly brokers: string
  readonly prefix: string
  readonly folder: string
  readonly partitions: number
  readonly hops: readonly number[]
  readonly topics: readonly TopicName[]
  /** Requests that it lays; 0 for none. */
  readonly lays: number
  readonly perSecond: number | null
}

/** What one hop did. */
export interface HopReport {
  readonly number: number
  readonly records: number
  readonly commits: number
  readonly commitMs: number
  readonly distinct: number
  readonly duplicates: number
  readonly latenciesMs: readonly number[]
}

interface ProcessReport {
  readonly hops: readonly HopReport[]
  readonly cpuMs: number
  readonly rssMiB: number
}

const topics = [
  'notifications.requested',
  'notifications.accepted',
  'notifications.rendered',
  'deliveries.routed',
  'deliveries.released',
  'notifications.status',
] as const satisfies readonly TopicName[]
const groups = ['dedupe', 'enrich-template', 'route', 'throttle', 'deliver', 'record']
const stateful = ['dedupe', 'throttle', 'deliver']
export const statelessGroups = groups.filter((group) => !stateful.includes(group))
const partitionsByDefault = 8
/** Through the chain before what is measured. */
const warmUpMost = 2000
const executable = fileURLToPath(new URL('./kafka-chain-process.js', import.meta.url))
/** librdkafka's calls hold a thread each. */
const threads = { 1: '64', 6: '24' }

/** Each hop as a group that reads a topic. */
export const readings: readonly Reading[] = topics.map((topic, number) => ({
  group: groups[number] ?? '',
  ways: waysOf(topic),
  stateful: stateful.includes(groups[number] ?? ''),
}))

/** Runs the chain on topics of its own, which are deleted afterwards. */
export async function kafkaChain(options: KafkaChainOptions): Promise<KafkaChainRun> {
  const { brokers, partitions = partitionsByDefault } = options
  const prefix = `bench-${randomBytes(4).toString('hex')}.`
  const settings = { partitions, replicationFactor: 1, minInSyncReplicas: 1, deleteRetentionMs: 86_400_000 }
  const wanted = wantedTopics(kafkaNames(prefix), settings, topics.flatMap(waysOf), readings)
  await ensureTopics({ brokers }, wanted, 1)
  try {
    return await inFolder((folder) => runOn(options, partitions, prefix, folder))
  } finally {
    await deleteTopics(brokers, wanted)
  }
}

async function runOn(
  { brokers, count, processes, perSecond: rate }: KafkaChainOptions,
  partitions: number,
  prefix: string,
  folder: string,
): Promise<KafkaChainRun> {
  const perSecond = rate ?? null
  const order = { brokers, prefix, folder, partitions, topics, perSecond }
  const hops = groups.map((_, number) => number)
  const orders: ChainOrder[] = (processes === 1 ? [hops] : hops.map((hop) => [hop])).map((own) => ({
    ...{ ...order, hops: own, lays: 0 },
  }))
  const warmUp = Math.min(count, warmUpMost)
  const layers = [warmUp, count].map((lays) => start({ ...order, hops: [], lays }, '8'))
  const [warming, layer] = layers
  const children = orders.map((own) => start(own, threads[processes]))
  const last = children.at(-1)
  if (!last || !layer || !warming) throw new Error('There is no hop')
  const tell = (what: 'go' | 'pause' | 'end') => {
    for (const child of children) child.send(what)
  }
  const through = (records: number) => message(last, (told) => typeof told === 'number' && told >= records)
  try {
    await Promise.all([...layers, ...children].map((child) => message(child, (told) => told === 'ready')))
    const warm = through(warmUp)
    warming.send('go')
    tell('go')
    await warm
    tell('pause')
    layer.send('go')
    if (perSecond === null) await once(layer, 'disconnect')
    const startedMs = monotonicMs()
    tell('go')
    await through(count)
    const seconds = (monotonicMs() - startedMs) / 1000
    const told = children.map((child) => message(child, (report) => typeof report === 'object' && report !== null))
    tell('end')
    return summary((await Promise.all(told)) as ProcessReport[], count, seconds, perSecond !== null)
  } finally {
    for (const child of [...layers, ...children]) if (child.exitCode === null) await ended(child)
  }
}

async function deleteTopics(brokers: string, topics: readonly { readonly name: string }[]): Promise<void> {
  const { AdminClient } = await loadKafka()
  const admin = AdminClient.create({ 'bootstrap.servers': brokers })
  await Promise.all(
    topics.map(({ name }) => new Promise<void>((resolve) => admin.deleteTopic(name, 5000, () => resolve()))),
  )
  admin.disconnect()
}

function start(order: ChainOrder, poolSize: string): ChildProcess {
  return fork(executable, [JSON.stringify(order)], { env: { ...process.env, UV_THREADPOOL_SIZE: poolSize } })
}

function message(child: ChildProcess, wanted: (told: unknown) => boolean): Promise<unknown> {
  return new Promise((resolve, reject) => {
    child.on('message', (told: unknown) => {
      if (wanted(told)) resolve(told)
    })
    child.once('exit', (code) =>
      reject(new Error(`A process of the chain ended too early, with code ${code}: ${child.spawnargs.at(-1)}`)),
    )
  })
}

async function ended(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit')
  const late = setTimeout(() => child.kill('SIGKILL'), 15_000)
  await gone
  clearTimeout(late)
}

function summary(reports: readonly ProcessReport[], count: number, seconds: number, timed: boolean): KafkaChainRun {
  const hops = reports.flatMap((report) => report.hops).sort((a, b) => a.number - b.number)
  const cpuMs = reports.reduce((sum, report) => sum + report.cpuMs, 0)
  const last = hops.at(-1)
  const commits = hops.reduce((sum, hop) => sum + hop.commits, 0)
  return {
    perSecond: Math.round(count / seconds),
    lost: count - (last?.distinct ?? 0),
    duplicates: last?.duplicates ?? 0,
    cpuMicrosPerHop: Math.round((10_000 * cpuMs) / count / hops.length) / 10,
    batch: Math.round((count * hops.length) / Math.max(1, commits)),
    commitMs: Math.round((10 * hops.reduce((sum, hop) => sum + hop.commitMs, 0)) / Math.max(1, commits)) / 10,
    latencyMs: timed ? hops.map(({ latenciesMs }) => percentiles(latenciesMs)) : null,
    rssMiB: Math.round(Math.max(...reports.map(({ rssMiB }) => rssMiB))),
  }
}

function percentiles(latenciesMs: readonly number[]): { p50: number; p95: number } {
  const sorted = [...latenciesMs].sort((a, b) => a - b)
  const at = (part: number) => sorted[Math.floor(part * sorted.length)] ?? 0
  return { p50: at(0.5), p95: at(0.95) }
}
