/** Starts processes of Carillon under test, and speaks with them. */
import type { BirpcReturn } from 'birpc'
import { metricList } from '../pipeline/observe/metrics/list.js'
import type { StageName } from '../stages/stage.js'
import { ready } from './carillon-process.js'
import { forkChild } from './child-process.js'
import { monotonicMs } from './latency.js'
import { waitForCount } from './run.js'
import type { Stub, StubReport } from './stub-provider.js'

/** What a process is to be. */
export interface StageOrder {
  /** One stage, the HTTP API, or both and all stages as `carillon start` has them. */
  readonly runs: StageName | 'ingress' | 'all'
  /** How long the stub takes to answer. */
  readonly answersAfterMs: number
}

/** Asked of the process, beside what Kafka carries. */
export interface StageCalls extends Pick<Stub, 'sent' | 'report' | 'slow'> {
  /** Where it listens. */
  address(): string
  /** Processor time of the whole process so far, in microseconds. */
  cpuMicros(): number
  /** Drains it. */
  close(): Promise<void>
}

export interface StageProcess {
  readonly runs: StageOrder['runs']
  readonly pid: number
  /** Like http://127.0.0.1:41234: of the HTTP API, or of its health and metrics. */
  readonly address: string
  readonly calls: BirpcReturn<StageCalls, Record<string, never>>
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
  /** Drains it; resolves when it is gone, with what its stub was asked. */
  stop(): Promise<StubReport>
}

/** Of a process that was killed. */
const nothingAsked: StubReport = { firstAtMs: new Map(), repeats: 0 }
const beginLookMs = 5

/** Resolves when /health/ready says so. `profiles`: a folder for a profile of its processor time, written when it stops. */
export async function startStageProcess(
  order: StageOrder,
  env: NodeJS.ProcessEnv,
  profiles: string | null,
): Promise<StageProcess> {
  const { runs } = order
  const profile = ['--cpu-prof', `--cpu-prof-dir=${profiles}`, `--cpu-prof-name=${runs}.cpuprofile`]
  const child = forkChild<StageCalls>('./kafka-stage.js', order, env, profiles === null ? [] : profile)
  const { calls, gone } = child
  const address = await calls.address()
  await ready(address, child.process)
  return {
    ...{ runs, pid: child.process.pid ?? 0, address, calls },
    async kill() {
      child.process.kill('SIGKILL')
      await gone
    },
    async stop() {
      const report = calls
        .close()
        .then(() => calls.report())
        .catch(() => nothingAsked)
      await child.release(report)
      return report
    },
  }
}

/** One of its metrics, of a stage, over all its lanes; 0 where it has none yet. */
export async function metricOf(
  { address }: Pick<StageProcess, 'address'>,
  name: string,
  stage: string,
): Promise<number> {
  const text = await (await fetch(`${address}/metrics`)).text()
  const lines = text.split('\n').filter((one) => one.startsWith(`${name}{`) && one.includes(`stage="${stage}"`))
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}

/** Resolves with the time when the process has acked so many records of a stage: of the first, to some milliseconds. */
export async function acked(process: StageProcess, stage: string, records = 1): Promise<number> {
  const look = () => metricOf(process, metricList.consumed.name, stage)
  const wait = records === 1 ? { everyMs: beginLookMs } : {}
  const { count } = await waitForCount(look, records, wait)
  if (count < records) throw new Error(`${stage} acked ${count} of ${records}`)
  return monotonicMs()
}
