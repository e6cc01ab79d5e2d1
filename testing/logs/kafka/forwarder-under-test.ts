/** Processes that forward requests on the Kafka log, for tests that stop, kill and multiply them. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { KafkaLogOptions } from '../../../pipeline/logs/kafka/log-options.js'
import type { ForwarderNews } from './forwarder-sample.js'

/** One such process. */
export interface Forwarder {
  /** Partitions that it owns. */
  owned(): readonly number[]
  /** Records that it acked. */
  acked(): number
  /** What broke it, each time. */
  readonly crashes: readonly string[]
  /** Why it should end. */
  unusable(): string | null
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void
  /** Resolves when it is gone, with its exit code or the signal that ended it. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<unknown>
}

const executable = fileURLToPath(new URL('./forwarder-sample.js', import.meta.url))
/** librdkafka's calls hold a thread each. */
const threads = '24'

/** Starts them on one log, each with a folder of its own unless one is given. */
export function forwardersOn(options: KafkaLogOptions) {
  const folders: string[] = []
  const running = new Set<ChildProcess>()

  return {
    start(more: Partial<KafkaLogOptions> = {}): Forwarder {
      const stateFolder = more.stateFolder ?? mkdtempSync(join(tmpdir(), 'carillon-state-'))
      folders.push(stateFolder)
      const child = fork(executable, [JSON.stringify({ ...options, ...more, stateFolder })], {
        env: { ...process.env, UV_THREADPOOL_SIZE: threads },
      })
      running.add(child)
      child.once('exit', () => running.delete(child))
      return watch(child)
    },
    /** Ends what still runs. */
    async close(): Promise<void> {
      for (const child of running) {
        child.kill('SIGKILL')
        await once(child, 'exit')
      }
      for (const folder of folders) rmSync(folder, { recursive: true, force: true })
    },
  }
}

function watch(child: ChildProcess): Forwarder {
  const crashes: string[] = []
  let owned: readonly number[] = []
  let acked = 0
  let unusable: string | null = null
  child.on('message', (news: ForwarderNews) => {
    if (news.owned) owned = news.owned
    if (news.acked !== undefined) acked += news.acked
    if (news.crashed !== undefined) crashes.push(news.crashed)
    if (news.unusable !== undefined) unusable = news.unusable
  })
  return {
    ...{ crashes, owned: () => owned, acked: () => acked, unusable: () => unusable },
    signal: (signal) => void child.kill(signal),
    async end(signal) {
      const gone = once(child, 'exit')
      child.kill(signal)
      const [code, by]: unknown[] = await gone
      return code ?? by
    },
  }
}
