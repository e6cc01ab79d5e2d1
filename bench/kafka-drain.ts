/** Throughput on Kafka: a backlog is laid into notifications.requested, then six processes work it off, or one. */

import { metricList } from '../pipeline/observe/metrics/list.js'
import { stageNames } from '../stages/stage.js'
import { perNotification, type StagesRun } from './drain.js'
import { type KafkaCarillon, type KafkaSetUp, withKafkaCarillon } from './kafka-carillon.js'
import { begun, sendProbes } from './kafka-probes.js'
import { metricOf, type StageProcess } from './kafka-stage-process.js'
import { tallyKafka } from './kafka-tally.js'
import { makeNotifications } from './notifications.js'
import { progressBar } from './progress.js'
import { allEnded } from './recorded.js'
import { residentMiB, watchMemory } from './resident-memory.js'
import type { CpuMicros } from './subject.js'
import { processTimeMs } from './thread-time.js'

/** What the processes did, and what each of them took. */
export interface KafkaRun extends StagesRun {
  readonly processes: readonly ProcessUse[]
}

export interface ProcessUse {
  readonly name: string
  /** Processor time for each notification, in microseconds, with all its threads. */
  readonly cpuMicros: number
  /** The highest. */
  readonly rssMiB: number
  /** Of all stages that it runs. */
  readonly commits: number
  /** In the mean; 0 where there was none. */
  readonly commitMs: number
}

export interface KafkaDrainOptions extends KafkaSetUp {
  readonly count: number
  /** A process for each stage, or one for all. */
  readonly processes: 1 | 6
}

const batch = 1000
/** Through the five stages behind dedupe before it counts. */
const warmUpMost = 2000
/** Batches on their way to Kafka at once. */
const batchesAtOnce = 4

export function kafkaDrain({ count, processes, ...setUp }: KafkaDrainOptions): Promise<KafkaRun> {
  return withKafkaCarillon(setUp, async (carillon, keep) => {
    const accepted = await layBacklog(carillon, count)
    const warmUp = Math.min(count, warmUpMost)
    const { running, probes, first } = processes === 6 ? await startSix(carillon, warmUp) : await startOne(carillon)
    const using = await watchUse(carillon, running)
    const bar = progressBar('six stages', count)
    const startedMs = await begun(first, 'dedupe')
    const endedMs = await allEnded(carillon.ended, count + probes.length, (ended) => bar.update(Math.min(count, ended)))
    bar.stop()
    const used = await using.stop(count)
    await carillon.stop()
    const tally = await tallyKafka(carillon.kafka, { accepted, probes }, carillon.reports, await carillon.ended.ids())
    if (tally.lost > 0 || tally.duplicates > 0) keep()
    const seconds = (endedMs - startedMs) / 1000
    const rssMiB = largest(used)
    const cpuMicros = cpuOf(used)
    return { count, seconds, perSecond: count / seconds, latencyMs: null, rssMiB, cpuMicros, tally, processes: used }
  })
}

/** Writes `count` notifications to notifications.requested; returns their ids. */
export async function layBacklog(carillon: Pick<KafkaCarillon, 'append'>, count: number): Promise<string[]> {
  const accepted: string[] = []
  const bar = progressBar('accepting', count)
  while (accepted.length < count) {
    const appends: Promise<void>[] = []
    for (let number = 0; number < batchesAtOnce && accepted.length < count; number++) {
      const notifications = makeNotifications(accepted.length, Math.min(batch, count - accepted.length))
      appends.push(carillon.append(notifications))
      for (const { id } of notifications) accepted.push(id)
    }
    await Promise.all(appends)
    bar.update(accepted.length)
  }
  bar.stop()
  return accepted
}

/** Dedupe comes last, when the five behind it are at work. */
async function startSix(carillon: KafkaCarillon, warmUp: number) {
  const behind = await Promise.all(stageNames.filter((name) => name !== 'dedupe').map((name) => carillon.start(name)))
  const probes = await sendProbes(carillon, warmUp)
  const first = await carillon.start('dedupe')
  return { running: [first, ...behind], probes, first }
}

async function startOne(carillon: KafkaCarillon) {
  const first = await carillon.start('all')
  return { running: [first], probes: [], first }
}

/** Watches what the processes take until `stop`. */
export async function watchUse({ brokerPid }: Pick<KafkaCarillon, 'brokerPid'>, running: readonly StageProcess[]) {
  const memories = running.map(({ pid }) => watchMemory(pid))
  const before = await Promise.all(running.map(costsOf))
  const brokerMs = brokerPid === null ? null : processTimeMs(brokerPid)
  return {
    async stop(count: number): Promise<ProcessUse[]> {
      const after = await Promise.all(running.map(costsOf))
      const brokerMicros = perNotification(brokerMs, brokerPid === null ? null : processTimeMs(brokerPid), count)
      const uses = running.map(({ runs }, at): ProcessUse => {
        const [from, to] = [before[at] ?? noCosts, after[at] ?? noCosts]
        const commits = to.commits - from.commits
        return {
          name: runs,
          cpuMicros: (to.cpuMicros - from.cpuMicros) / count,
          rssMiB: memories[at]?.stop() ?? 0,
          commits,
          commitMs: ((to.commitSeconds - from.commitSeconds) * 1000) / Math.max(1, commits),
        }
      })
      if (brokerMicros === null || brokerPid === null) return uses
      const broker = {
        name: 'broker',
        cpuMicros: brokerMicros,
        rssMiB: residentMiB(brokerPid),
        commits: 0,
        commitMs: 0,
      }
      return [...uses, broker]
    },
  }
}

/** Memory of the largest process of Carillon. */
export function largest(used: readonly ProcessUse[]): number {
  return Math.max(...used.filter(({ name }) => name !== 'broker').map(({ rssMiB }) => rssMiB))
}

export function cpuOf(used: readonly ProcessUse[]): CpuMicros {
  return Object.fromEntries(used.map(({ name, cpuMicros }) => [name, cpuMicros]))
}

const noCosts = { cpuMicros: 0, commits: 0, commitSeconds: 0 }

async function costsOf(process: StageProcess) {
  const { name } = metricList.operationSeconds
  const stages = process.runs === 'ingress' ? [] : process.runs === 'all' ? stageNames : [process.runs]
  const costs = { ...noCosts, cpuMicros: await process.calls.cpuMicros() }
  for (const stage of stages) {
    costs.commits += await metricOf(process, `${name}_count`, stage)
    costs.commitSeconds += await metricOf(process, `${name}_sum`, stage)
  }
  return costs
}
