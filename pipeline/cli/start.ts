/** `carillon start`: runs everything in this process until a signal stops it. */
import { ConfigProblems } from '../config/problems.js'
import { endProcess } from '../logs/kafka/library.js'
import type { Running } from '../run/running.js'
import { CommandFailed, exitCodes } from './exit.js'
import { complain, print } from './terminal.js'

/** What is under way may end within this time after a signal. */
const drainWithinMs = 10_000

/** Begins, prints the address, waits for SIGINT or SIGTERM and drains; a second signal exits at once.
 *  Throws `CommandFailed` when it cannot begin, or cannot end in time. */
export async function runUntilStopped(
  begin: (stopping: AbortSignal) => Promise<Running>,
  limitMs = drainWithinMs,
): Promise<void> {
  const stopped = firstSignal()
  const stopping = new AbortController()
  void stopped.then(() => stopping.abort())
  const running = await begin(stopping.signal).catch((error: unknown) => {
    if (stopping.signal.aborted) return null
    throw new CommandFailed(startProblem(error), exitCodes.failed, { cause: error })
  })
  if (running === null) return
  print(`Carillon listens on ${running.address}`)
  const signal = await Promise.race([stopped, deathOf(running)])
  complain(`${signal}: finishing what is under way; once more stops at once`)
  if (await drains(running, limitMs + (running.leaveMs ?? 0))) return
  throw new CommandFailed(
    `Not everything ended within ${limitMs / 1000} s. Nothing accepted is lost: the next start goes on with it.`,
    exitCodes.failed,
  )
}

/** Never resolves; throws when it dies. */
async function deathOf({ died = new Promise<never>(() => undefined) }: Running): Promise<never> {
  const error = await died
  throw new CommandFailed(startProblem(error), exitCodes.failed, { cause: error })
}

function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const signals = { SIGINT: 2, SIGTERM: 15 } as const
    let asked = false
    for (const [signal, number] of Object.entries(signals)) {
      process.on(signal, () => {
        // By the shells' convention, 128 and the signal's number.
        if (asked) endProcess(128 + number)
        asked = true
        resolve(signal as NodeJS.Signals)
      })
    }
  })
}

async function drains(running: Running, limitMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, limitMs, false)
  })
  try {
    return await Promise.race([running.close().then(() => true), tooLate])
  } catch (error) {
    throw new CommandFailed(`Carillon did not stop cleanly: ${messageOf(error)}`, exitCodes.failed, { cause: error })
  } finally {
    clearTimeout(timer)
  }
}

/** What went wrong and what to do. Carillon's own errors say so themselves; the system's need words. */
export function startProblem(error: unknown): string {
  if (error instanceof ConfigProblems) return `Carillon cannot start with this configuration:\n${error.message}`
  const { code, syscall, port, path } = systemError(error)
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} is in use. Stop what listens there, or set CARILLON_PORT to another (0 picks a free one).`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return 'CARILLON_HOST is no address of this machine. Set it to one, like 127.0.0.1.'
    case 'ENOSPC':
      return 'The disk is full. Free some space, or set CARILLON_DATA to a folder on another disk.'
  }
  if (code === 'EACCES' && syscall === 'listen') {
    return `Port ${port} needs more rights than this process has. Set CARILLON_PORT to one above 1023.`
  }
  if (['EACCES', 'EPERM', 'EROFS', 'ENOTDIR'].includes(code) && path !== undefined) {
    return `${path} cannot be written (${code}). Set CARILLON_DATA to a folder that this user may write.`
  }
  if (/^[a-z]+(?:-[a-z]+)*$/.test(code)) return messageOf(error)
  // Nobody foresaw it: the stack is what a report needs.
  return `Carillon cannot start: ${error instanceof Error ? error.stack : String(error)}`
}

function systemError(error: unknown) {
  const fields: Partial<NodeJS.ErrnoException> & { readonly port?: number } = error instanceof Error ? error : {}
  const { code = '', syscall, port, path } = fields
  return { code: String(code), syscall, port, path }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
