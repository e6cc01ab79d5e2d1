/** A Carillon of real processes, as people run it, on either engine: for what is measured over HTTP. */
import { type CarillonProcess, commandsOf, startCarillon } from './carillon-process.js'
import { inPlace, type Place } from './place.js'
import { processTimeMs, threadTimesMs } from './process-use.js'
import type { CpuMicros, Engine } from './subject.js'
import { idsOn } from './topic-events.js'

export interface RealCarillon {
  /** Of the ingress. */
  readonly address: string
  /** Processor time so far in milliseconds. On Kafka by process; embedded by thread: `http`, `engine`, which is the
   *  busiest of the others, and `others`: what renders, collects garbage and writes files. */
  cpuMs(): CpuMicros
  /** Ends it, embedded with SIGKILL, and counts every id on notifications.requested: how many of so many are missing, and
   *  how many are there more than once. */
  countRequested(accepted: number): Promise<{ readonly lost: number; readonly duplicates: number }>
}

/** `providerUrl` null: what has no provider goes to the outbox. On Kafka the ingress and each stage are processes of
 *  their own. */
export function withRealCarillon<T>(
  engine: Engine,
  providerUrl: string | null,
  run: (carillon: RealCarillon) => Promise<T>,
): Promise<T> {
  const environment = providerUrl === null ? {} : { CARILLON_PROVIDER_URL: providerUrl }
  return inPlace(engine, { environment }, async (place) => {
    const processes = new Map<string, CarillonProcess>()
    const stop = () => Promise.all([...processes.values()].map((one) => one.stop()))
    const start = async (command: readonly string[]) => {
      const started = await startCarillon(place, command)
      processes.set(command.at(-1) ?? '', started)
      return started
    }
    const [serving = [], ...others] = commandsOf(engine)
    try {
      const first = await start(serving)
      await Promise.all(others.map(start))
      return await run({
        address: first.address,
        cpuMs: () => (engine === 'sqlite' ? threadsOf(first.pid) : processesOf(processes)),
        async countRequested(accepted) {
          await (engine === 'sqlite' ? first.kill() : stop())
          return countRequested(place, accepted)
        },
      })
    } finally {
      await stop()
    }
  })
}

/** How many of so many accepted are not on notifications.requested, and how many are there more than once. */
export async function countRequested(place: Place, accepted: number) {
  const ids = await idsOn(place, 'notifications.requested')
  const distinct = new Set(ids).size
  // Requests whose answer the end of a load cut off may be there too.
  return { lost: Math.max(0, accepted - distinct), duplicates: ids.length - distinct }
}

/** The first thread of a process has its id. */
function threadsOf(pid: number): CpuMicros {
  const times = threadTimesMs(pid)
  const [engine = 0, ...others] = [...times].flatMap(([thread, ms]) => (thread === pid ? [] : ms)).sort((a, b) => b - a)
  return { http: times.get(pid) ?? 0, engine, others: others.reduce((sum, ms) => sum + ms, 0) }
}

function processesOf(processes: ReadonlyMap<string, CarillonProcess>): CpuMicros {
  return Object.fromEntries([...processes].map(([name, { pid }]) => [name, processTimeMs(pid) ?? 0]))
}
