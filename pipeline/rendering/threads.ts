/** Worker threads that take one task at a time, for a limited time: a thread that takes longer is killed. */
import { Piscina } from 'piscina'
import type { RenderResult } from '../../stages/enrich-template/draft.js'
import type { LiquidLimits } from './liquid.js'
import type { ParseTask, RenderTask, StartSignal, ThreadSettings } from './task.js'

/** The thread was killed, or died, while it did the task. */
export class ThreadKilled extends Error {
  override readonly name = 'ThreadKilled'
  constructor(
    readonly code: 'template-timeout' | 'template-memory' | 'render-failed',
    options?: ErrorOptions,
  ) {
    super('The rendering thread was killed.', options)
  }
}

/** Rendering is out of order; no template is to blame. */
export class RenderingUnavailable extends Error {
  override readonly name = 'RenderingUnavailable'
  readonly code = 'rendering-unavailable'
}

export interface ThreadsOptions {
  readonly threads: number
  /** Heap of a thread; one that needs more is killed. */
  readonly heapMiB: number
  readonly limits: LiquidLimits
}

/** Both reject with `ThreadKilled` or `RenderingUnavailable`. `limitMs` counts from when the thread begins. */
export interface Threads {
  render(task: Omit<RenderTask, 'started'>, limitMs: number): Promise<RenderResult[]>
  problems(task: Omit<ParseTask, 'started'>, limitMs: number): Promise<(string | null)[]>
  close(): Promise<void>
}

/** Tasks that may wait for a thread. */
const mostWaiting = 256
/** How long a thread may take to start on a busy machine. */
const startMs = 20_000

const worker = new URL('./render-worker.js', import.meta.url).href

export function createThreads(options: ThreadsOptions): Threads {
  let pool: Piscina | null = null
  let closed = false
  const gate = createGate(options.threads, mostWaiting)

  const run = (name: 'render' | 'problems', task: object, limitMs: number): Promise<unknown> =>
    gate(async () => {
      if (closed) throw new RenderingUnavailable('Rendering is closed.')
      const threads = pool ?? startPool(options)
      pool = threads
      const started: StartSignal = new BigInt64Array(new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT))
      const watch = watchdog(started, limitMs)
      try {
        return await threads.run({ ...task, started }, { name, signal: watch.signal })
      } catch (error) {
        if (closed) throw new RenderingUnavailable('Rendering was closed.', { cause: error })
        if (Atomics.load(started, 0) !== 0n) throw killed(error)
        // A pool whose threads do not start does not recover.
        pool = null
        await threads.destroy()
        throw new RenderingUnavailable('The rendering thread does not start. It is tried again.', { cause: error })
      } finally {
        watch.stop()
      }
    })

  return {
    render: (task, limitMs) => run('render', task, limitMs) as Promise<RenderResult[]>,
    problems: (task, limitMs) => run('problems', task, limitMs) as Promise<(string | null)[]>,
    async close() {
      closed = true
      await pool?.destroy()
      pool = null
    },
  }
}

function startPool({ threads, heapMiB, limits }: ThreadsOptions): Piscina {
  const workerData: ThreadSettings = { limits }
  const pool = new Piscina({
    filename: worker,
    minThreads: threads,
    maxThreads: threads,
    maxQueue: threads,
    env: {},
    execArgv: [],
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: heapMiB, maxYoungGenerationSizeMb: 16, stackSizeMb: 4 },
  })
  // A thread that dies between tasks is replaced; one that cannot start shows in the next task's time-out.
  pool.on('error', () => {})
  return pool
}

function killed(error: unknown): ThreadKilled {
  const name = error instanceof Error ? error.name : undefined
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (name === 'AbortError') return new ThreadKilled('template-timeout', { cause: error })
  const reason = code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'template-memory' : 'render-failed'
  return new ThreadKilled(reason, { cause: error })
}

/** Aborts `limitMs` after the task began, or when it does not begin. */
function watchdog(started: StartSignal, limitMs: number): { readonly signal: AbortSignal; stop(): void } {
  const controller = new AbortController()
  const askedNs = process.hrtime.bigint()
  const leftMs = () => {
    const startedNs = Atomics.load(started, 0)
    const [from, limit] = startedNs === 0n ? [askedNs, startMs] : [startedNs, limitMs]
    return limit - Number(process.hrtime.bigint() - from) / 1e6
  }
  const look = () => {
    const left = leftMs()
    if (left <= 0) controller.abort()
    else timer = setTimeout(look, Math.min(Math.ceil(left), limitMs))
  }
  let timer = setTimeout(look, limitMs)
  return { signal: controller.signal, stop: () => clearTimeout(timer) }
}

/** Lets `width` tasks run at once and others wait. Piscina's own `needsDrain` does not count tasks with a signal. */
function createGate(width: number, most: number): <T>(task: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = []
  let running = 0
  return async (task) => {
    if (running < width) running += 1
    else if (waiting.length < most) await new Promise<void>((resolve) => waiting.push(resolve))
    else throw new RenderingUnavailable('Too many renderings wait. Try again later.')
    try {
      return await task()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running -= 1
    }
  }
}
