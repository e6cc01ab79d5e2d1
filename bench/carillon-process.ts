/** Real processes of Carillon, as people run it: one, or a whole one on either engine. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { stageNames } from '../stages/stage.js'
import { monotonicMs } from './latency.js'
import { type Engine, foreignVariables, inPlace, type Place } from './place.js'
import { processTimeMs, threadTimesMs } from './process-use.js'
import type { CpuMicros } from './subject.js'
import { idsOn } from './topic-events.js'

export interface CarillonProcess {
  /** Like http://127.0.0.1:41234 */
  readonly address: string
  readonly pid: number
  /** From its start until /health/ready said so. */
  readonly readyMs: number
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
  /** SIGTERM; resolves when it is gone. */
  stop(): Promise<void>
}

const executable = fileURLToPath(new URL('../pipeline/cli/carillon.cjs', import.meta.url))
/** A start that takes longer has failed. */
const startMostMs = 60_000

/** What a whole Carillon is run by: the one that serves HTTP first. */
export function commandsOf(engine: Engine): readonly (readonly string[])[] {
  return engine === 'sqlite' ? [['start']] : [['ingress'], ...stageNames.map((name) => ['stage', name])]
}

/** Starts it, listening where the system picks. `onSpawn` is told of the process before it is ready. Rejects where it
 *  ends before it is ready. */
export async function startCarillon(
  { environment }: Pick<Place, 'environment'>,
  command: readonly string[] = ['start'],
  onSpawn: (child: ChildProcess) => void = () => undefined,
): Promise<CarillonProcess> {
  const startedMs = monotonicMs()
  const env = { ...foreignVariables(), ...environment }
  const child = spawn(process.execPath, [executable, ...command], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const gone = once(child, 'exit')
  onSpawn(child)
  const address = await Promise.race([addressOf(child), gone.then(([code, signal]) => endedEarly(code, signal))])
  await ready(address, child)
  const readyMs = monotonicMs() - startedMs
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal)
    await gone
  }
  return { address, pid: child.pid ?? 0, readyMs, kill: () => end('SIGKILL'), stop: () => end('SIGTERM') }
}

async function addressOf(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error('It has no standard output')
  for await (const line of createInterface(child.stdout)) {
    const [, address] = /^Carillon listens on (\S+)$/.exec(line) ?? []
    if (address !== undefined) return address
  }
  throw new Error('Carillon closed its output before it said where it listens')
}

function endedEarly(code: unknown, signal: unknown): never {
  throw new Error(`Carillon ended with ${code ?? signal} before it was ready`)
}

/** Resolves when /health/ready says so. */
export async function ready(address: string, child: ChildProcess): Promise<void> {
  const deadlineMs = monotonicMs() + startMostMs
  while (child.exitCode === null && child.signalCode === null && monotonicMs() < deadlineMs) {
    const answer = await fetch(`${address}/health/ready`).catch(() => null)
    await answer?.arrayBuffer()
    if (answer?.ok) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('Carillon did not get ready')
}

export interface RealCarillon {
  /** Of the ingress. */
  readonly address: string
  /** Processor time so far in milliseconds. On Kafka by process; embedded by thread: `http`, `engine`, which is the
   *  busiest of the others, and `others`: what renders, collects garbage and writes files. */
  cpuMs(): CpuMicros
  /** Ends it, embedded with SIGKILL, and counts every id on notifications.requested: how many of so many are missing, and
   *  how many are there more than once. */
  countRequested(accepted: number): Promise<{ readonly lost: number; readonly duplicates: number }>
}

/** `providerUrl` null: what has no provider goes to the outbox. On Kafka the ingress and each stage are processes of
 *  their own. */
export function withRealCarillon<T>(
  engine: Engine,
  providerUrl: string | null,
  run: (carillon: RealCarillon) => Promise<T>,
): Promise<T> {
  const environment = providerUrl === null ? {} : { CARILLON_PROVIDER_URL: providerUrl }
  return inPlace(engine, { environment }, async (place) => {
    const processes = new Map<string, CarillonProcess>()
    const stop = () => Promise.all([...processes.values()].map((one) => one.stop()))
    const start = async (command: readonly string[]) => {
      const started = await startCarillon(place, command)
      processes.set(command.at(-1) ?? '', started)
      return started
    }
    const [serving = [], ...others] = commandsOf(engine)
    try {
      const first = await start(serving)
      await Promise.all(others.map(start))
      return await run({
        address: first.address,
        cpuMs: () => (engine === 'sqlite' ? threadsOf(first.pid) : processesOf(processes)),
        async countRequested(accepted) {
          await (engine === 'sqlite' ? first.kill() : stop())
          return countRequested(place, accepted)
        },
      })
    } finally {
      await stop()
    }
  })
}

/** How many of so many accepted are not on notifications.requested, and how many are there more than once. */
export async function countRequested(place: Place, accepted: number) {
  const ids = await idsOn(place, 'notifications.requested')
  const distinct = new Set(ids).size
  // Requests whose answer the end of a load cut off may be there too.
  return { lost: Math.max(0, accepted - distinct), duplicates: ids.length - distinct }
}

/** The first thread of a process has its id. */
function threadsOf(pid: number): CpuMicros {
  const times = threadTimesMs(pid)
  const [engine = 0, ...others] = [...times].flatMap(([thread, ms]) => (thread === pid ? [] : ms)).sort((a, b) => b - a)
  return { http: times.get(pid) ?? 0, engine, others: others.reduce((sum, ms) => sum + ms, 0) }
}

function processesOf(processes: ReadonlyMap<string, CarillonProcess>): CpuMicros {
  return Object.fromEntries([...processes].map(([name, { pid }]) => [name, processTimeMs(pid) ?? 0]))
}
