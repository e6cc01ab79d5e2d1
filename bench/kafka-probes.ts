/** The first notifications through a Carillon: when they are recorded, every stage behind dedupe is at work. */

import { setTimeout as delay } from 'node:timers/promises'
import { metricList } from '../pipeline/observe/metrics/list.js'
import { accepted } from '../schemas/outgoing.js'
import type { KafkaCarillon } from './kafka-carillon.js'
import { metricOf, type StageProcess } from './kafka-stage-process.js'
import { monotonicMs } from './monotonic-clock.js'
import { makeNotifications } from './notifications.js'
import { allEnded } from './recorded.js'

const lookEveryMs = 5
const beginMostMs = 60_000

/** Lays them behind dedupe, which does not run yet, and waits until they are recorded. Returns their ids. */
export async function sendProbes({ log, codec, ended }: KafkaCarillon, probes = 64): Promise<string[]> {
  const requests = makeNotifications(0, probes)
  await log.append(requests.map((request) => codec.encode(accepted({ request, trail: [] }), request.acceptedAtMs)))
  await allEnded(ended, probes, () => undefined)
  const recorded = await ended.count()
  if (recorded < probes) throw new Error(`Of ${probes} first notifications ${recorded} were recorded`)
  return requests.map(({ id }) => id)
}

/** Resolves with the time when the process had first settled a record, to some milliseconds. */
export async function begun(process: StageProcess, stage: string): Promise<number> {
  const startedMs = monotonicMs()
  while (monotonicMs() - startedMs < beginMostMs) {
    const settled = await metricOf(process, metricList.consumed.name, stage)
    if (settled > 0) return monotonicMs()
    await delay(lookEveryMs)
  }
  throw new Error(`${stage} settled nothing`)
}
