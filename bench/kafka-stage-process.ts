/** Starts processes of Carillon under test, and speaks with them. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type BirpcReturn, createBirpc } from 'birpc'
import { ready } from './carillon-process.js'
import type { StageCalls, StageNews, StageOrder } from './kafka-stage-calls.js'
import type { StubReport } from './stub-provider.js'

export interface StageProcess {
  readonly runs: StageOrder['runs']
  readonly pid: number
  /** Like http://127.0.0.1:41234: of the HTTP API, or of its health and metrics. */
  readonly address: string
  readonly calls: BirpcReturn<StageCalls, StageNews>
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
  /** Drains it; resolves when it is gone, with what its stub was asked. */
  stop(): Promise<StubReport>
}

const executable = fileURLToPath(new URL('./kafka-stage.js', import.meta.url))
/** It drains within 10 s, and closes what is left. */
const stopMostMs = 20_000
/** Of a process that was killed. */
const nothingAsked: StubReport = { firstAtMs: new Map(), repeats: 0 }

/** Resolves when /health/ready says so. `profiles`: a folder for a profile of its processor time, written when it stops. */
export async function startStageProcess(
  order: StageOrder,
  env: NodeJS.ProcessEnv,
  profiles: string | null,
): Promise<StageProcess> {
  const { runs } = order
  const execArgv =
    profiles === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`, `--cpu-prof-name=${runs}.cpuprofile`]
  const child = fork(executable, [JSON.stringify(order)], { env, execArgv, serialization: 'advanced' })
  const gone = once(child, 'exit')
  let tell: (address: string) => void = () => undefined
  const up = new Promise<string>((resolve) => {
    tell = resolve
  })
  const calls = createBirpc<StageCalls, StageNews>(
    { up: tell },
    {
      post: (message) => child.connected && child.send(message),
      on: (listener) => child.on('message', listener),
      timeout: -1,
    },
  )
  // What is asked of a process that is gone would else be waited for for ever.
  void gone.then(() => calls.$close(new Error(`The process of ${runs} is gone`)))
  const early = gone.then(([code, signal]): never => {
    throw new Error(`The process of ${runs} ended with ${code ?? signal} before it was ready`)
  })
  const address = await Promise.race([up, early])
  early.catch(() => undefined)
  await ready(address, child)
  return {
    ...{ runs, pid: child.pid ?? 0, address, calls },
    async kill() {
      child.kill('SIGKILL')
      await gone
    },
    async stop() {
      const late = setTimeout(() => child.kill('SIGKILL'), stopMostMs)
      const report = await calls
        .close()
        .then(() => calls.report())
        .catch(() => nothingAsked)
      if (child.connected) child.disconnect()
      await gone
      clearTimeout(late)
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
