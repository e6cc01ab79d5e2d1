/** The command `carillon` as a process of its own, for tests of whole Carillons. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { until } from './until.js'

const executable = join(import.meta.dirname, '..', 'pipeline', 'cli', 'carillon.cjs')

/** One process. */
export interface ProcessUnderTest {
  readonly child: ChildProcess
  /** Where it listens; rejects when it ends before. */
  readonly address: Promise<string>
  /** Everything it wrote to standard error so far. */
  log(): string
  /** Signals it, and resolves with its exit code when it is gone. */
  end(signal: NodeJS.Signals): Promise<number | null>
  /** Its exit code, when it ends. */
  readonly ended: Promise<number | null>
}

/** Begins a process of the command, with nothing of this process's environment. */
export function runCarillon(command: readonly string[], env: NodeJS.ProcessEnv): ProcessUnderTest {
  const child = spawn(process.execPath, [executable, ...command], { env })
  const lines: string[] = []
  const ended = once(child, 'exit').then(([code]) => (typeof code === 'number' ? code : null))
  createInterface(child.stderr).on('line', (line) => lines.push(line))
  const log = () => lines.join('\n')
  const listening = new Promise<string>((resolve, reject) => {
    createInterface(child.stdout).on('line', (line) => {
      const [, address] = /^Carillon listens on (\S+)$/.exec(line) ?? []
      if (address !== undefined) resolve(address)
    })
    void ended.then((code) => reject(new Error(`It ended with ${code} before it listened: ${log()}`)))
  })
  // A test that expects it to end does not ask where it listens.
  listening.catch(() => undefined)
  return {
    child,
    address: listening,
    log,
    ended,
    async end(signal) {
      child.kill(signal)
      return ended
    },
  }
}

/** Resolves when it says that it is ready. Rejects when it ends before, or takes too long. */
export async function readyProcess(started: ProcessUnderTest): Promise<void> {
  const address = await started.address
  await until(
    async () => (await fetch(`${address}/health/ready`).catch(() => null))?.ok === true,
    () => `a ready process: ${started.log()}`,
  )
}
