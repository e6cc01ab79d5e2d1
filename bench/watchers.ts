/** Clients that watch events: each a connection of its own, all in a process of their own, so that reading does not take
 *  the sender's time. This file is both: whoever starts that process, and what runs in it. */
import { Agent, get, type IncomingMessage } from 'node:http'
import { fileURLToPath } from 'node:url'
import { answerCalls, forkChild, orderOf } from './child-process.js'
import { type Percentiles, percentilesOf } from './latency.js'

interface Order {
  readonly url: string
  readonly count: number
}

interface WatcherCalls {
  /** Resolves when all are connected. */
  open(): Promise<void>
  /** From each change's own time to its arrival; the clock is the machine's. */
  latencies(): Percentiles
}

/** Resolves when all are connected. What is returned ends them, and tells how late changes came. */
export async function watchers(url: string, count: number): Promise<() => Promise<Percentiles>> {
  const order: Order = { url, count }
  const child = forkChild<WatcherCalls>('./watchers.js', order, process.env)
  await child.calls.open()
  return async () => {
    const told = await child.calls.latencies()
    await child.release()
    return told
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) watch(orderOf<Order>())

function watch({ url, count }: Order): void {
  const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY })
  const lateMs: number[] = []
  const connecting = Array.from(
    { length: count },
    () =>
      new Promise<void>((resolve) => {
        get(url, { agent }, (response) => {
          resolve()
          read(response, lateMs)
        })
      }),
  )
  answerCalls<WatcherCalls>({
    open: async () => void (await Promise.all(connecting)),
    latencies() {
      const { max: _, ...told } = percentilesOf(lateMs)
      return told
    },
  })
}

function read(response: IncomingMessage, lateMs: number[]): void {
  let text = ''
  response.setEncoding('utf8').on('data', (chunk: string) => {
    const nowMs = Date.now()
    text += chunk
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      const at = /"at":"([^"]+)"/.exec(text.slice(0, end))?.[1]
      if (at !== undefined) lateMs.push(nowMs - Date.parse(at))
      text = text.slice(end + 2)
    }
  })
}
