/** How far deliver scales: one process, then two, then four, each with a slow provider and few calls at once, work off
 *  a backlog of released deliveries. */
import { setTimeout as delay } from 'node:timers/promises'
import type { EventName } from '../schemas/avro.js'
import type { Delivery, Events, NotificationRequested } from '../schemas/events.js'
import { released } from '../schemas/outgoing.js'
import { hops } from './bare-hops.js'
import { type KafkaCarillon, withKafkaCarillon } from './kafka-carillon.js'
import { makeNotifications } from './notifications.js'

export interface ScalingStep {
  readonly processes: number
  /** Calls a second over all of them. */
  readonly perSecond: number
  /** Against the first step, which has one process. */
  readonly ratio: number
  /** Calls with a key that was called before, in the same process or another. */
  readonly duplicates: number
}

const steps = [1, 2, 4]
const answersAfterMs = 50
const concurrency = 8
/** Not measured: connections, caches, and the first partitions at work. */
const warmUpMs = 2000
const startMostMs = 30_000
/** A process can do no more. */
const mostPerSecond = (concurrency * 1000) / answersAfterMs
/** So many seconds of work for every partition, however unevenly keys fall. */
const spareSeconds = 30

export async function deliverScaling(seconds: number): Promise<readonly ScalingStep[]> {
  const measured: ScalingStep[] = []
  for (const processes of steps) {
    const { perSecond, duplicates } = await throughputOf(processes, seconds)
    measured.push({ processes, perSecond, ratio: perSecond / (measured[0]?.perSecond ?? perSecond), duplicates })
  }
  return measured
}

function throughputOf(processes: number, seconds: number) {
  return withKafkaCarillon({ answersAfterMs, concurrency }, async (carillon) => {
    await layReleased(carillon, Math.ceil(processes * mostPerSecond * (seconds + spareSeconds)))
    const running = await Promise.all(Array.from({ length: processes }, (_, slot) => carillon.start('deliver', slot)))
    const sent = () => Promise.all(running.map(({ calls }) => calls.sent()))
    const startedMs = performance.now()
    while (!(await sent()).every((count) => count > 0)) {
      if (performance.now() - startedMs > startMostMs) throw new Error(`Not all of ${processes} processes got work`)
      await delay(20)
    }
    await delay(warmUpMs)
    const fromMs = performance.now()
    const before = sum(await sent())
    await delay(seconds * 1000)
    const after = sum(await sent())
    const perSecond = ((after - before) * 1000) / (performance.now() - fromMs)
    await carillon.stop()
    const keys = carillon.reports.flatMap(({ firstAtMs }) => [...firstAtMs.keys()])
    const repeats = sum(carillon.reports.map((report) => report.repeats))
    return { perSecond, duplicates: repeats + keys.length - new Set(keys).size }
  })
}

async function layReleased({ log, codec }: KafkaCarillon, count: number): Promise<void> {
  const batch = 1000
  for (let first = 0; first < count; first += batch) {
    const deliveries = makeNotifications(first, Math.min(batch, count - first)).map(deliveryOf)
    await log.append(deliveries.map((delivery) => codec.encode(released(delivery, Date.now()), delivery.acceptedAtMs)))
  }
}

/** What the stages before deliver would have made of it. */
export function deliveryOf(request: NotificationRequested): Delivery {
  let value: Events[EventName] = request
  for (const { turn, to } of hops) {
    if (to === 'notification-status') break
    value = turn(value)
  }
  if (!('delivery' in value)) throw new Error('The hops before deliver make no delivery')
  return { ...value.delivery, provider: 'stub' }
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}
