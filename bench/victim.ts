/** The processes of a Carillon that are killed again and again, each started anew at once in its place. */
import type { ChildProcess } from 'node:child_process'
import { startCarillon } from './carillon-process.js'

/** Where it listens now; changes with every start. */
export interface Target {
  address: string
}

export interface Victim {
  /** Of the process that serves HTTP. */
  readonly target: Target
  /** Rejects when one does not start. */
  readonly failed: Promise<never>
  /** Kills one of what runs now, ready or not, and starts it again. Resolves when it is killed. */
  kill(random: () => number): Promise<void>
  /** Ends the last ones. */
  stop(): Promise<void>
}

/** One of its processes. */
export interface VictimProcess {
  /** Of `carillon`, like `['stage', 'route']`. */
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string>>
}

/** Starts all of them; the first one serves HTTP. */
export async function startVictim(
  folder: string,
  environment: Readonly<Record<string, string>>,
  [serving, ...others]: readonly [VictimProcess, ...VictimProcess[]],
): Promise<Victim> {
  const target: Target = { address: '' }
  let fail: (error: unknown) => void = () => undefined
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  failed.catch(() => undefined)
  const restartable = ({ command, environment: own }: VictimProcess, started: (address: string) => void) =>
    startRestartable(folder, { command, environment: { ...environment, ...own } }, started, fail)
  const processes = await Promise.all([
    restartable(serving, (address) => {
      target.address = address
    }),
    ...others.map((other) => restartable(other, () => undefined)),
  ])

  return {
    target,
    failed,
    async kill(random) {
      const chosen = processes.length === 1 ? 0 : Math.floor(random() * processes.length)
      await processes[chosen]?.kill()
    },
    async stop() {
      await Promise.all(processes.map((process) => process.stop()))
    },
  }
}

/** `started` is told of each address; `fail` when one ended that nobody killed. */
async function startRestartable(
  folder: string,
  { command, environment }: VictimProcess,
  started: (address: string) => void,
  fail: (error: unknown) => void,
) {
  const killed = new WeakSet<ChildProcess>()
  let child: ChildProcess | null = null
  await start()

  return {
    async kill() {
      if (!child) throw new Error('Nothing runs')
      await killAndWait(child)
      void start().catch(fail)
    },
    async stop() {
      if (child?.exitCode === null && child.signalCode === null) await killAndWait(child)
    },
  }

  async function start(): Promise<void> {
    let own: ChildProcess | null = null
    const spawned = (now: ChildProcess) => {
      child = now
      own = now
      now.once('exit', (code, signal) => {
        if (!killed.has(now)) fail(new Error(`carillon ${command.join(' ')} ended by itself with ${code ?? signal}`))
      })
    }
    try {
      const { address } = await startCarillon(folder, environment, spawned, command)
      started(address)
    } catch (error) {
      // Killed before it was ready: the next one is on its way.
      if (own && killed.has(own)) return
      throw error
    }
  }

  async function killAndWait(dying: ChildProcess): Promise<void> {
    killed.add(dying)
    const gone = new Promise((resolve) => dying.once('exit', resolve))
    dying.kill('SIGKILL')
    await gone
  }
}
