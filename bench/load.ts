/** A load on a subject, and what became of it: what the scenarios that send at a rate have in common. */
import { type Percentiles, percentilesOf } from './latency.js'
import { type BenchChannel, deliveryKey } from './notifications.js'
import { type Arrival, openLoop, type Phase } from './open-loop.js'
import type { CpuMicros, Finished, Subject } from './subject.js'

export interface LoadPlan {
  readonly phases: readonly Phase[]
  /** Of each notification; a text message unless said. */
  readonly channelOf?: (number: number) => BenchChannel
  /** Told when a phase begins; the load does not wait for it. */
  readonly begins?: (phase: number) => Promise<void>
  /** Told when the last was accepted. */
  readonly over?: () => Promise<void>
}

export interface Load extends Omit<Finished, 'calledAtMs'> {
  /** In the order of their times. */
  readonly served: readonly Served[]
  /** When the last record had ended, on the monotonic clock. */
  readonly endedMs: number
  /** Over the whole load. */
  readonly cpuMicros: CpuMicros
}

/** One notification, and when its provider was called. */
export interface Served extends Arrival {
  readonly channel: BenchChannel
  /** On the monotonic clock; null where it never was. */
  readonly calledMs: number | null
}

/** Sent before what counts, at the same rate: caches fill, and what is hot is compiled. */
export const warmUpSeconds = 3

/** Whether latency is as usual is judged over so long. */
const windowMs = 250
/** A window is as usual when this share of it is. */
const usualShare = 0.95

/** Sends, waits until all has ended, and counts. */
export async function runLoad(subject: Subject, plan: LoadPlan): Promise<Load> {
  const { phases, begins, over, channelOf = () => 'sms' } = plan
  const watch = await subject.watch()
  const arrivals = await openLoop({ phases, begins, send: (number) => subject.send(number, channelOf(number)) })
  await over?.()
  const endedMs = await subject.ended(arrivals.length)
  const { cpuMicros } = await watch.stop(arrivals.length)
  const { calledAtMs, ...finished } = await subject.finish(arrivals.map(({ id }) => id))
  const served = arrivals.map((arrival): Served => {
    const channel = channelOf(arrival.number)
    return { ...arrival, channel, calledMs: calledAtMs.get(deliveryKey(arrival.id, channel)) ?? null }
  })
  return { ...finished, served, endedMs, cpuMicros }
}

/** From the intended time to the provider's call, of those that came there; those that did not are counted as lost. */
export function latenciesOf(served: readonly Served[]): Percentiles & { readonly max: number } {
  return percentilesOf(served.flatMap(({ calledMs, intendedMs }) => (calledMs === null ? [] : [calledMs - intendedMs])))
}

/** The first moment from `fromMs` on after which a quarter of a second of notifications was, but for a twentieth,
 *  called within `usualMs` of their times; null where there is none. All on the monotonic clock. */
export function usualFrom(served: readonly Served[], fromMs: number, usualMs: number): number | null {
  const later = served.filter(({ intendedMs }) => intendedMs >= fromMs)
  const windows = new Map<number, Served[]>()
  for (const one of later) {
    const window = Math.floor((one.intendedMs - fromMs) / windowMs)
    windows.set(window, [...(windows.get(window) ?? []), one])
  }
  for (const [window, ones] of windows) {
    const usual = ones.filter(({ calledMs, intendedMs }) => calledMs !== null && calledMs - intendedMs <= usualMs)
    if (usual.length >= usualShare * ones.length) return fromMs + window * windowMs
  }
  return null
}

/** When a phase began. */
export function phaseStartMs(served: readonly Served[], phase: number): number {
  const first = served.find((one) => one.phase === phase)
  if (!first) throw new RangeError(`There is no phase ${phase}`)
  return first.intendedMs
}

export function inPhase({ served }: Load, phase: number) {
  return served.filter((one) => one.phase === phase)
}
