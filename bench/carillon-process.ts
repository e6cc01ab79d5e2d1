/** A real `carillon start`, or another of its commands, as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { stageNames } from '../stages/stage.js'
import { monotonicMs } from './latency.js'
import { foreignVariables, type Place } from './place.js'
import type { Engine } from './subject.js'

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
