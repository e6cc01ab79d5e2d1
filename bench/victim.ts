/** The processes of a Carillon that are killed again and again, each started anew at once in its place. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { commandsOf, startCarillon } from './carillon-process.js'
import type { Place } from './place.js'

/** Where it listens now; changes with every start. */
export interface Target {
  address: string
}

export interface Victim {
  /** Of the process that serves HTTP. */
  readonly target: Target
  /** Rejects when one does not start, or ends that nobody killed. */
  readonly failed: Promise<never>
  /** Kills one of what runs now, ready or not, and starts it again. Resolves when it is killed. */
  kill(random: () => number): Promise<void>
  /** Ends the last ones. */
  stop(): Promise<void>
}

export async function startVictim(place: Place): Promise<Victim> {
  const target: Target = { address: '' }
  let fail: (error: unknown) => void = () => undefined
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  failed.catch(() => undefined)
  const processes = await Promise.all(
    commandsOf(place.engine).map((command, at) =>
      startRestartable(place, command, fail, (address) => {
        if (at === 0) target.address = address
      }),
    ),
  )
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

/** `started` is told of each address. */
async function startRestartable(
  place: Place,
  command: readonly string[],
  fail: (error: unknown) => void,
  started: (address: string) => void,
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
      started((await startCarillon(place, command, spawned)).address)
    } catch (error) {
      // Killed before it was ready: the next one is on its way.
      if (!own || !killed.has(own)) throw error
    }
  }

  async function killAndWait(dying: ChildProcess): Promise<void> {
    killed.add(dying)
    const gone = once(dying, 'exit')
    dying.kill('SIGKILL')
    await gone
  }
}
