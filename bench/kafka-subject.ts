/** Carillon on Kafka as a subject: a process of the ingress, asked over HTTP, and a process for each stage. */
import { Agent, request } from 'undici'
import { z } from 'zod'
import { stageNames } from '../stages/stage.js'
import { type KafkaCarillon, type KafkaSetUp, withKafkaCarillon } from './kafka-carillon.js'
import { cpuOf, watchUse } from './kafka-drain.js'
import { sendProbes } from './kafka-probes.js'
import type { StageProcess } from './kafka-stage-process.js'
import { tallyKafka } from './kafka-tally.js'
import { type BenchChannel, requestOf } from './notifications.js'
import { allEnded } from './recorded.js'
import { watchMemory } from './resident-memory.js'
import type { Finished, Subject, Watch } from './subject.js'

export interface KafkaSubject extends Subject {
  readonly carillon: KafkaCarillon
}

/** Requests under way at once, at most; those above wait for a connection, and their latency counts that. */
const connections = 128
/** Through the stages behind dedupe before anything else. */
const warmUp = 500
const answer = z.looseObject({ id: z.string() })

export function onKafka<T>(setUp: KafkaSetUp, run: (subject: KafkaSubject) => Promise<T>): Promise<T> {
  return withKafkaCarillon(setUp, async (carillon, keep) => {
    const names = ['ingress', ...stageNames.filter((name) => name !== 'dedupe')] as const
    const behind = await Promise.all(names.map((name) => carillon.start(name)))
    const probes = await sendProbes(carillon, warmUp)
    const dedupe = await carillon.start('dedupe')
    const [ingress, ...stages] = behind
    if (!ingress) throw new Error('The ingress does not run')
    const agent = new Agent({ connections })
    try {
      return await run(subjectOn({ carillon, probes, keep, agent, ingress, stages: [dedupe, ...stages] }))
    } finally {
      await agent.destroy()
    }
  })
}

interface Parts {
  readonly carillon: KafkaCarillon
  readonly probes: readonly string[]
  readonly keep: () => void
  readonly agent: Agent
  readonly ingress: StageProcess
  readonly stages: readonly StageProcess[]
}

function subjectOn({ carillon, probes, keep, agent, ingress, ...parts }: Parts): KafkaSubject {
  let stages = parts.stages
  const memories = [ingress, ...stages].map(({ pid }) => watchMemory(pid))
  return {
    carillon,
    send: (number, channel) => post(agent, ingress.address, number, channel),
    async slow(channel, answersAfterMs) {
      await Promise.all(stages.map(({ calls }) => calls.slow(channel, answersAfterMs)))
    },
    async halt() {
      await carillon.stop(stages)
      stages = []
    },
    async resume() {
      stages = await Promise.all(stageNames.map((name) => carillon.start(name)))
      memories.push(...stages.map(({ pid }) => watchMemory(pid)))
    },
    async watch(): Promise<Watch> {
      const watched = stages
      const using = await watchUse(carillon, [ingress, ...watched])
      // Processor time of processes that were stopped meanwhile is not known.
      return { stop: async (count) => (watched === stages ? cpuOf(await using.stop(count)) : {}) }
    },
    ended: (count) => allEnded(carillon.ended, count + probes.length, () => undefined),
    async finish(accepted): Promise<Finished> {
      const rssMiB = Math.max(...memories.map((memory) => memory.stop()))
      await carillon.stop()
      const { reports } = carillon
      const tally = await tallyKafka(carillon.kafka, { accepted, probes }, reports, await carillon.ended.ids())
      if (tally.lost > 0 || tally.duplicates > 0) keep()
      return { calledAtMs: new Map(reports.flatMap(({ firstAtMs }) => [...firstAtMs])), tally, rssMiB }
    },
  }
}

async function post(dispatcher: Agent, address: string, number: number, channel: BenchChannel): Promise<string> {
  const { statusCode, body } = await request(`${address}/v1/notifications`, {
    dispatcher,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(requestOf(number, channel)),
  })
  const json: unknown = await body.json()
  if (statusCode !== 202) throw new Error(`A request was answered with ${statusCode}`)
  return answer.parse(json).id
}
