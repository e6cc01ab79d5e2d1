/** Scenarios that there are on Kafka alone: processes that join and leave, that are more, and that run for long. */

import { setTimeout as delay } from 'node:timers/promises'
import { released } from '../schemas/outgoing.js'
import { type StageName, stageNames } from '../stages/stage.js'
import { deliveryOf } from './bare-hops.js'
import { type KafkaCarillon, withKafkaCarillon } from './kafka-carillon.js'
import { onKafka } from './kafka-subject.js'
import { monotonicMs } from './latency.js'
import { inPhase, type Load, latenciesOf, phaseStartMs, runLoad, type Served, warmUpSeconds } from './load.js'
import { told, toldLoad } from './load-scenarios.js'
import { makeNotifications } from './notifications.js'
import { residentMiB } from './process-use.js'
import { rate, rounded, scenario, seconds, UnknownOption } from './scenario.js'
import { allEnded } from './tally.js'

const beforeSeconds = 5

/** `seconds`: how long the second process stays, and how long is watched after it left. */
export const rebalance = scenario({
  name: 'rebalance',
  says: 'a second process of a stage joins under load and leaves again: the longest gap, and what becomes late',
  takes: { rate, seconds },
  words: ['stage'],
  takesSeconds: { kafka: 60 },
  async run(_, { rate: ratePerSecond, seconds }, { stage: named = 'deliver' }) {
    const stage = stageNamed(named)
    const lengths = [Math.min(warmUpSeconds, seconds), Math.min(beforeSeconds, seconds), seconds, seconds]
    const phases = lengths.map((each) => ({ ratePerSecond, seconds: each }))
    const took = { joinMs: 0, leaveMs: 0 }
    const load = await onKafka({}, (subject) => {
      let joining: Promise<() => Promise<void>> | null = null
      const begins = async (phase: number) => {
        const beganMs = monotonicMs()
        if (phase === 2) {
          joining = subject.join(stage)
          await joining
          took.joinMs = rounded(monotonicMs() - beganMs)
        }
        if (phase === 3 && joining) {
          const leave = await joining
          await leave()
          took.leaveMs = rounded(monotonicMs() - beganMs)
        }
      }
      return runLoad(subject, { phases, begins })
    })
    const [, before, joined, left] = phases.map((_, phase) => latenciesOf(inPhase(load, phase)))
    const gaps = { steady: longestGapMs(load, 1), joining: longestGapMs(load, 2), revoked: longestGapMs(load, 3) }
    return toldLoad(load, { before, joined, left, longestGapMs: gaps, ...took }, [
      `${ratePerSecond} a second; a second process of ${stage} was up after ${took.joinMs} ms, and gone after ${took.leaveMs} ms`,
      `longest gap between two calls: before ${gaps.steady} ms, as it joined ${gaps.joining} ms, as it left ${gaps.revoked} ms`,
      `before ${told(before)}; with it ${told(joined)}; after it left ${told(left)}`,
    ])
  },
})

function stageNamed(name: string): StageName {
  const found = stageNames.find((one) => one === name)
  if (!found) throw new UnknownOption(`There is no stage ${name}; there are ${stageNames.join(', ')}`)
  return found
}

/** Between two calls of the provider while a phase lasted. */
function longestGapMs(load: Load, phase: number): number {
  const fromMs = phaseStartMs(load.served, phase)
  const toMs = inPhase(load, phase).at(-1)?.intendedMs ?? fromMs
  return longestGap(load.served, fromMs, toMs)
}

/** Both ends count: nothing at all is a gap as long as the time. */
export function longestGap(served: readonly Pick<Served, 'calledMs'>[], fromMs: number, toMs: number): number {
  const calls = served.flatMap(({ calledMs }) =>
    calledMs !== null && calledMs > fromMs && calledMs < toMs ? calledMs : [],
  )
  const times = [fromMs, ...calls.sort((a, b) => a - b), toMs]
  return rounded(Math.max(...times.slice(1).map((at, before) => at - (times[before] ?? at))), 1)
}

const processCounts = [1, 2, 4]
const answersAfterMs = 50
const concurrency = 8
/** Not measured: connections, caches, and the first partitions at work. */
const warmUpMs = 2000
const startMostMs = 30_000
/** A process can do no more. */
const mostPerSecond = (concurrency * 1000) / answersAfterMs
/** So many seconds of work for every partition, however unevenly keys fall. */
const spareSeconds = 30

export const scaling = scenario({
  name: 'scaling',
  says: '1, 2 and 4 processes of deliver with a slow provider',
  takes: { seconds },
  takesSeconds: { kafka: 90 },
  async run(_, { seconds }) {
    const measured: (Awaited<ReturnType<typeof throughputOf>> & { readonly processes: number })[] = []
    for (const processes of processCounts) measured.push({ processes, ...(await throughputOf(processes, seconds)) })
    const one = measured[0]?.perSecond ?? 1
    const steps = measured.map(({ processes, perSecond, duplicates }) => ({
      ...{ processes, duplicates, perSecond: rounded(perSecond, 1), ratio: rounded(perSecond / one, 2) },
    }))
    // Its backlog outlasts it: what was not called yet is not lost.
    const tally = { lost: 0, duplicates: sum(steps.map(({ duplicates }) => duplicates)) }
    return {
      result: { steps, ratioOfFour: steps.at(-1)?.ratio ?? 0, ...tally },
      summary: steps.map(
        ({ processes, perSecond, ratio }) => `${processes} of deliver: ${perSecond} calls/s, ${ratio} times one`,
      ),
      tally,
    }
  },
})

/** `perSecond`: calls over all of them. `duplicates`: calls with a key that was called before, in the same process or
 *  another. */
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

async function layReleased({ write, codec }: KafkaCarillon, count: number): Promise<void> {
  const batch = 1000
  for (let first = 0; first < count; first += batch) {
    const deliveries = makeNotifications(first, Math.min(batch, count - first)).map(deliveryOf)
    await write(deliveries.map((delivery) => codec.encode(released(delivery, Date.now()), delivery.acceptedAtMs)))
  }
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}

const sampleMs = 10_000
const appendEveryMs = 20

export const soak = scenario({
  name: 'soak',
  says: 'memory of each process over time, at a rate',
  takes: { rate: { ...rate, usual: 500 }, seconds: { ...seconds, usual: 60, most: 86_400 } },
  words: ['profile'],
  takesSeconds: { kafka: 90 },
  run: (_, { rate: ratePerSecond, seconds }, { profile, tell }) =>
    withKafkaCarillon({ profile }, async (carillon) => {
      const running = await Promise.all(stageNames.map((name) => carillon.start(name)))
      const startedMs = performance.now()
      const samples: Record<string, number>[] = []
      const take = () => {
        const sample = Object.fromEntries(running.map(({ runs, pid }) => [runs, residentMiB(pid)]))
        samples.push(sample)
        const atSeconds = Math.round((performance.now() - startedMs) / 1000)
        const each = Object.entries(sample).map(([name, size]) => `${name} ${size}`)
        tell?.(`${String(atSeconds).padStart(5)} s, MiB: ${each.join(', ')}`)
      }
      const timer = setInterval(take, Math.min(sampleMs, (seconds * 1000) / 4))
      const accepted = await appendSteadily(carillon, ratePerSecond, seconds).finally(() => clearInterval(timer))
      await allEnded(carillon.ended, accepted.length)
      const tally = await carillon.tally({ accepted })
      const uses = stageNames.map((name) => [name, useOf(samples.map((sample) => sample[name] ?? 0))] as const)
      const rssMiB = Math.max(...uses.map(([, { highest }]) => highest))
      return {
        result: { rssMiB, processes: Object.fromEntries(uses), lost: tally.lost, duplicates: tally.duplicates },
        summary: uses.map(
          ([name, { acked, last, highest }]) =>
            `${name.padEnd(24)} ${acked} MiB after a third, ${last} at the end, ${highest} at most`,
        ),
        tally,
      }
    }),
})

/** Of one process, in MiB. `acked`: at the end of the first third: what came before is the filling of caches. */
function useOf(sizes: readonly number[]) {
  const acked = sizes[Math.floor(sizes.length / 3)] ?? 0
  return { acked, last: sizes.at(-1) ?? 0, highest: Math.max(0, ...sizes) }
}

/** One append at a time: should Kafka be slower than the rate, less is written. Returns the ids. */
export async function appendSteadily(
  carillon: Pick<KafkaCarillon, 'append'>,
  ratePerSecond: number,
  seconds: number,
): Promise<string[]> {
  const ids: string[] = []
  const startedMs = performance.now()
  for (let sent = 0; performance.now() - startedMs < seconds * 1000; ) {
    const due = Math.floor(((performance.now() - startedMs) / 1000) * ratePerSecond)
    if (due > sent) {
      const notifications = makeNotifications(sent, due - sent)
      await carillon.append(notifications)
      for (const { id } of notifications) ids.push(id)
    }
    sent = Math.max(sent, due)
    await delay(appendEveryMs)
  }
  return ids
}
