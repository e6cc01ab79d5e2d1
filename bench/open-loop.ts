/** Load that does not wait for answers: each notification has its time, whatever became of those before it. Latency
 *  counts from that time, so neither a slow pipeline nor a late sender hides any ("coordinated omission"). */
import { setTimeout as delay } from 'node:timers/promises'
import { monotonicMs } from './latency.js'
import { progressBar } from './run.js'

/** A stretch of load; phases follow each other without a pause. */
export interface Phase {
  readonly ratePerSecond: number
  readonly seconds: number
}

/** One notification, and when it was to be sent, on the monotonic clock. */
export interface Arrival {
  readonly id: string
  /** From 0 on, over all phases. */
  readonly number: number
  /** From 0 on. */
  readonly phase: number
  readonly intendedMs: number
}

export interface OpenLoopOptions {
  readonly phases: readonly Phase[]
  /** Resolves with the notification's id when it is accepted. */
  readonly send: (number: number, phase: number) => Promise<string>
  /** Told when a phase begins; the load does not wait for it. */
  readonly begins?: ((phase: number) => Promise<void>) | undefined
}

/** Notifications of one load, at most: each of them is kept until it is counted. */
const maxArrivals = 2_000_000
/** Of those that are overdue so many are sent before answers are heard. */
const maxAtOnce = 100

/** Resolves when all are accepted and all that began with a phase is done, in the order of their times. Sends no more
 *  after the first failure, and rejects with it. */
export async function openLoop({ phases, send, begins }: OpenLoopOptions): Promise<readonly Arrival[]> {
  const times = timesOf(phases)
  const sends: Promise<Arrival>[] = []
  const begun: Promise<void>[] = []
  const failures: unknown[] = []
  const heeded = <T>(promise: Promise<T>): Promise<T> => {
    promise.catch((error: unknown) => failures.push(error))
    return promise
  }
  const bar = progressBar('sending', times.length)
  const startMs = monotonicMs()
  for (const [number, { phase, afterMs }] of times.entries()) {
    const intendedMs = startMs + afterMs
    while (intendedMs > monotonicMs()) await delay(1)
    if (number % maxAtOnce === 0) await new Promise((resolve) => setImmediate(resolve))
    if (failures.length > 0) break
    if (phase !== times[number - 1]?.phase && begins) begun.push(heeded(begins(phase)))
    sends.push(heeded(send(number, phase).then((id) => ({ id, number, phase, intendedMs }))))
    bar.update(sends.length)
  }
  bar.stop()
  await Promise.all(begun)
  return Promise.all(sends)
}

/** When each is to be sent, in milliseconds after the start. */
function timesOf(phases: readonly Phase[]): readonly { readonly phase: number; readonly afterMs: number }[] {
  const counts = phases.map(({ ratePerSecond, seconds }) => Math.max(1, Math.round(ratePerSecond * seconds)))
  const total = counts.reduce((sum, count) => sum + count, 0)
  if (total > maxArrivals) throw new RangeError(`${total} notifications are more than ${maxArrivals}`)
  return phases.flatMap(({ ratePerSecond }, phase) => {
    const beginMs = phases.slice(0, phase).reduce((sum, { seconds }) => sum + seconds * 1000, 0)
    return Array.from({ length: counts[phase] ?? 0 }, (_, at) => ({
      phase,
      afterMs: beginMs + (at * 1000) / ratePerSecond,
    }))
  })
}
