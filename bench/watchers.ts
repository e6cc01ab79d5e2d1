/** Clients that watch: each a connection of its own, all in a process of their own, so that reading does not take the
 *  sender's time. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Percentiles } from './latency.js'

export interface Watchers {
  /** Ends them. From each change's own time to its arrival; the clock is the machine's. */
  end(): Promise<Percentiles>
}

const file = fileURLToPath(new URL('./watchers-process.js', import.meta.url))

/** Resolves when all are connected. */
export async function watchers(url: string, count: number): Promise<Watchers> {
  const child = fork(file, [url, String(count)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const gone = once(child, 'exit').then(([code]) => {
    throw new Error(`Those who watch ended with ${code}`)
  })
  gone.catch(() => undefined)
  await Promise.race([once(child, 'message'), gone])
  return {
    async end() {
      child.send('end')
      const [told] = await Promise.race([once(child, 'message'), gone])
      child.disconnect()
      return told as Percentiles
    },
  }
}
