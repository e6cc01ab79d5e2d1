/** Carillon on Kafka as a subject: a process of the ingress, asked over HTTP, and a process for each stage, or one for
 *  all of it. */
import { Agent, request } from 'undici'
import { z } from 'zod'
import { metricList } from '../pipeline/observe/metrics/list.js'
import { accepted } from '../schemas/outgoing.js'
import { type StageName, stageNames } from '../stages/stage.js'
import { type KafkaCarillon, withKafkaCarillon } from './kafka-carillon.js'
import { acked, metricOf, type StageProcess } from './kafka-stage-process.js'
import { monotonicMs } from './latency.js'
import { type BenchChannel, layBacklog, makeNotifications, requestOf } from './notifications.js'
import { perNotification, processTimeMs, watchMemory } from './process-use.js'
import type { Subject, SubjectSetUp, Use, Watch } from './subject.js'
import { allEnded } from './tally.js'

export interface KafkaSubject extends Subject {
  /** Starts another process of a stage, without a slot; what is returned ends it. */
  join(stage: StageName): Promise<() => Promise<void>>
}

/** Requests under way at once, at most; those above wait for a connection, and their latency counts that. */
const connections = 128
/** Through the stages behind dedupe before anything else. */
const usualWarmUp = 500
/** Batches on their way to Kafka at once. */
const batchesAtOnce = 4
const behindDedupe = stageNames.filter((name) => name !== 'dedupe')
const answer = z.looseObject({ id: z.string() })

export function onKafka<T>(setUp: SubjectSetUp, run: (subject: KafkaSubject) => Promise<T>): Promise<T> {
  return withKafkaCarillon(setUp, async (carillon) => {
    const agent = new Agent({ connections })
    try {
      return await run(await subjectOn(carillon, agent, setUp))
    } finally {
      await agent.destroy()
    }
  })
}

/** Dedupe comes last, when the five behind it are at work. */
async function subjectOn(carillon: KafkaCarillon, agent: Agent, setUp: SubjectSetUp): Promise<KafkaSubject> {
  const { waits = false, warmUp = usualWarmUp, processes = 6 } = setUp
  let stages: StageProcess[] = []
  let probes: readonly string[] = []
  const memories: ReturnType<typeof watchMemory>[] = []
  const remembered = (running: readonly StageProcess[]) => memories.push(...running.map(({ pid }) => watchMemory(pid)))
  const start = async () => {
    const behind = await startAll(carillon, behindDedupe)
    probes = await sendProbes(carillon, warmUp)
    stages = [await carillon.start('dedupe'), ...behind]
  }
  const ingress = waits ? null : await carillon.start('ingress')
  if (!waits) await start()
  remembered(ingress ? [ingress, ...stages] : [])

  const watch = async (): Promise<Watch> => {
    const watched = stages
    const watching = await watchUse(carillon, ingress ? [ingress, ...watched] : watched)
    // Processor time of processes that were stopped meanwhile is not known.
    const stop = async (count: number) => (watched === stages ? watching(count) : { cpuMicros: {}, lines: [] })
    return { fromMs: monotonicMs(), stop }
  }
  return {
    lay: (count) => layBacklog(count, carillon.append, { atOnce: batchesAtOnce }),
    async begin() {
      if (processes === 6) await start()
      else stages = [await carillon.start('all')]
      remembered(stages)
      const { stop } = await watch()
      const [first] = stages
      if (!first) throw new Error('No stage runs')
      return { fromMs: await acked(first, 'dedupe'), stop }
    },
    send: (number, channel) => post(agent, ingress?.address ?? '', number, channel),
    async slow(channel, answersAfterMs) {
      await Promise.all(stages.map(({ calls }) => calls.slow(channel, answersAfterMs)))
    },
    async halt() {
      await carillon.stop(stages)
      stages = []
    },
    async resume() {
      stages = await startAll(carillon, stageNames)
      remembered(stages)
    },
    watch,
    ended: (count, progress) => allEnded(carillon.ended, count + probes.length, progress),
    async finish(ids) {
      const rssMiB = Math.max(...memories.map((memory) => memory.stop()))
      const tally = await carillon.tally({ accepted: ids, probes })
      const calls = carillon.reports.flatMap(({ firstAtMs }) => [...firstAtMs])
      return { calledAtMs: new Map(calls), tally, rssMiB }
    },
    async join(stage) {
      // With a slot it would be waited for when it has left, until its session ends.
      const second = await carillon.start(stage, null)
      return () => carillon.stop([second])
    },
  }
}

function startAll(carillon: KafkaCarillon, names: readonly StageName[]): Promise<StageProcess[]> {
  return Promise.all(names.map((name) => carillon.start(name)))
}

/** Lays the first notifications behind dedupe, which does not run yet: when they are recorded, every stage behind it is
 *  at work. Returns their ids. */
async function sendProbes({ write, codec, ended }: KafkaCarillon, probes: number): Promise<string[]> {
  const requests = makeNotifications(0, probes)
  await write(requests.map((one) => codec.encode(accepted({ request: one, trail: [] }), one.acceptedAtMs)))
  await allEnded(ended, probes)
  const recorded = await ended.count()
  if (recorded < probes) throw new Error(`Of ${probes} first notifications ${recorded} were recorded`)
  return requests.map(({ id }) => id)
}

/** Watches what the processes take until it is asked. */
async function watchUse({ place: { brokerPid } }: KafkaCarillon, running: readonly StageProcess[]) {
  const memories = running.map(({ pid }) => watchMemory(pid))
  const brokerMs = () => (brokerPid === null ? null : processTimeMs(brokerPid))
  const before = await Promise.all(running.map(costsOf))
  const brokerFromMs = brokerMs()
  return async (count: number): Promise<Use> => {
    const after = await Promise.all(running.map(costsOf))
    const broker = perNotification(brokerFromMs, brokerMs(), count)
    const cpuMicros: Record<string, number> = {}
    const lines = running.map(({ runs }, at) => {
      const [from, to] = [before[at] ?? noCosts, after[at] ?? noCosts]
      const commits = to.commits - from.commits
      const commitMs = ((to.commitSeconds - from.commitSeconds) * 1000) / Math.max(1, commits)
      cpuMicros[runs] = (to.cpuMicros - from.cpuMicros) / count
      return `  ${runs.padEnd(24)} at most ${memories[at]?.stop()} MiB, ${commits} commits of ${commitMs.toFixed(1)} ms`
    })
    return { cpuMicros: broker === null ? cpuMicros : { ...cpuMicros, broker }, lines }
  }
}

const noCosts = { cpuMicros: 0, commits: 0, commitSeconds: 0 }

/** Of all stages that it runs. */
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

async function post(dispatcher: Agent, address: string, number: number, channel: BenchChannel): Promise<string> {
  const { statusCode, body } = await request(`${address}/v1/notifications`, {
    ...{ dispatcher, method: 'POST', headers: { 'content-type': 'application/json' } },
    body: JSON.stringify(requestOf(number, channel)),
  })
  const json: unknown = await body.json()
  if (statusCode !== 202) throw new Error(`A request was answered with ${statusCode}`)
  return answer.parse(json).id
}
