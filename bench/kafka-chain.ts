/** The yardstick on Kafka: six exactly-once hops that poll, decode, encode and commit on Carillon's own Kafka log, with
 *  nothing of its engine or its stages. */
import { join } from 'node:path'
import type { NewRecord } from '../pipeline/engine/log.js'
import { openKafkaLog } from '../pipeline/logs/kafka/log.js'
import type { KafkaLogOptions } from '../pipeline/logs/kafka/log-options.js'
import { encodeAvro } from '../schemas/avro.js'
import { topicOf } from '../schemas/streams.js'
import { chainedTopics, sampleRequest, statelessGroups } from './bare-hops.js'
import { type Child, forkChild } from './child-process.js'
import type { ChainCalls, ChainOrder } from './kafka-chain-process.js'
import { monotonicMs } from './latency.js'
import { inPlace, kafkaOf } from './place.js'
import { waitForCount } from './run.js'

export interface KafkaChainRun {
  readonly perSecond: number
  /** Processor time of the hops' processes for each notification, in microseconds; the broker's is not in it. */
  readonly cpuMicros: number
}

/** Through the chain before what is measured. */
const maxWarmUp = 2000
/** Appends under way at once while the requests are laid. */
const layAtOnce = 2000
/** librdkafka's calls hold a thread each. */
const threads = { 1: '64', 6: '24' }

/** On topics of its own. `processes`: one for each hop, or one for all. */
export function kafkaChain(count: number, processes: 1 | 6): Promise<KafkaChainRun> {
  return inPlace('kafka', {}, async (place) => {
    const { connection, partitions, prefix } = kafkaOf(place)
    const options = { connection, partitions, prefix, statelessGroups }
    const hops = [...chainedTopics.keys()]
    const env = { ...process.env, UV_THREADPOOL_SIZE: threads[processes] }
    const children = (processes === 1 ? [hops] : hops.map((hop) => [hop])).map((own) => {
      const order: ChainOrder = {
        options: { ...options, stateFolder: join(place.folder, `hops-${own[0]}`) },
        hops: own,
      }
      return forkChild<ChainCalls>('./kafka-chain-process.js', order, env)
    })
    try {
      return await measured(children, { ...options, stateFolder: join(place.folder, 'bench') }, count)
    } finally {
      await Promise.all(children.map((child) => child.release()))
    }
  })
}

async function measured(
  children: readonly Child<ChainCalls>[],
  options: KafkaLogOptions,
  count: number,
): Promise<KafkaChainRun> {
  const last = children.at(-1)
  if (!last) throw new Error('There is no hop')
  const all = <T>(ask: (calls: Child<ChainCalls>['calls']) => Promise<T>) =>
    Promise.all(children.map(({ calls }) => ask(calls)))
  const through = async (records: number) => {
    const { movedMs } = await waitForCount(() => last.calls.ended(), records, { everyMs: 5 })
    return movedMs
  }
  await all((calls) => calls.begin())
  const warmUp = Math.min(count, maxWarmUp)
  await lay(options, warmUp)
  await through(warmUp)
  await all((calls) => calls.pause())
  await lay(options, count)
  const startedMs = monotonicMs()
  await all((calls) => calls.begin())
  const seconds = ((await through(count)) - startedMs) / 1000
  const reports = await all((calls) => calls.close())
  const { distinct = 0, repeats = 0 } = reports.at(-1) ?? {}
  if (distinct !== count || repeats > 0) {
    throw new Error(`Of ${count} the bare chain ended ${distinct}, and ${repeats} more than once`)
  }
  const cpuMicros = reports.reduce((sum, report) => sum + report.cpuMicros, 0) / count
  return { perSecond: count / seconds, cpuMicros }
}

/** Writes `count` requests to the first topic. */
async function lay(options: KafkaLogOptions, count: number): Promise<void> {
  const log = await openKafkaLog(options)
  const topic = topicOf('notifications.requested', 'normal', null)
  for (let number = 0; number < count; ) {
    const records: NewRecord[] = []
    for (const upTo = Math.min(count, number + layAtOnce); number < upTo; number++) {
      const request = sampleRequest(number)
      const value = encodeAvro('notification-requested', request)
      records.push({ topic, key: Buffer.from(request.recipient), value, headers: {}, timestampMs: Date.now() })
    }
    await log.append(records)
  }
  await log.close()
}
