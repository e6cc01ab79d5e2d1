/** A process of the bench's own, and both ends of what it is asked. It ends with the bench that started it. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type BirpcReturn, createBirpc } from 'birpc'

export interface Child<Calls extends object> {
  readonly process: ChildProcess
  /** Rejects when it ends, for whoever waits for something else of it. */
  readonly calls: BirpcReturn<Calls, Record<string, never>>
  /** Resolves when it is gone. */
  readonly gone: Promise<unknown>
  /** Lets it end when `closed` is acked; what has not done so in time is killed. */
  release(closed?: Promise<unknown>): Promise<void>
}

/** It drains within 10 s, and closes what is left. */
const stopMostMs = 20_000

/** `file`: beside this one. `order`: what it finds as `orderOf`. */
export function forkChild<Calls extends object>(
  file: string,
  order: object,
  env: NodeJS.ProcessEnv,
  execArgv: string[] = [],
): Child<Calls> {
  const executable = fileURLToPath(new URL(file, import.meta.url))
  const child = fork(executable, [JSON.stringify(order)], { env, execArgv, serialization: 'advanced' })
  const gone = once(child, 'exit')
  const calls = createBirpc<Calls, Record<string, never>>(
    {},
    {
      post: (message) => child.connected && child.send(message),
      on: (listener) => child.on('message', listener),
      timeout: -1,
    },
  )
  // What is asked of a process that is gone would else be waited for for ever.
  void gone.then(([code, signal]) => calls.$close(new Error(`${file} ended with ${code ?? signal}`)))
  return {
    ...{ process: child, calls, gone },
    async release(closed) {
      const late = setTimeout(() => child.kill('SIGKILL'), stopMostMs)
      await Promise.race([closed, gone])
      if (child.connected) child.disconnect()
      await gone
      clearTimeout(late)
    },
  }
}

/** In the process: what it was started with. From now on it ends with the bench. */
export function orderOf<Order>(): Order {
  process.once('disconnect', () => process.exit())
  return JSON.parse(process.argv[2] ?? '') as Order
}

/** In the process, when it is ready: what it can be asked. */
export function answerCalls<Calls extends object>(calls: Calls): void {
  createBirpc<Record<string, never>, Calls>(calls, {
    post: (message) => process.send?.(message),
    on: (listener) => process.on('message', listener),
    timeout: -1,
  })
}
